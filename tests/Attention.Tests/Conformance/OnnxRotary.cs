using Attention.Positions;
using Attention.TestKit;

namespace Attention.Tests.Conformance;

/// <summary>The operator RotaryEmbedding of ONNX in terms of this library; see the README beside this file.</summary>
internal static class OnnxRotary
{
    /// <summary>Computes the operator's only output.</summary>
    public static IReadOnlyDictionary<string, float[]> Run(ConformanceCase given)
    {
        OnnxOperand input = OnnxOperand.Create(given.Inputs["input"], given.Integer("num_heads", 0));
        ConformanceTensor cosines = given.Inputs["cos_cache"];
        int[] positions;
        if (given.Inputs.TryGetValue("position_ids", out ConformanceTensor? ids))
        {
            positions = Array.ConvertAll(ids.Data, id => (int)id);
        }
        else
        {
            // Then the caches hold a row for each row of the batch.
            positions = [.. Enumerable.Range(0, input.Batch * input.Length)];
        }

        int pairs = cosines.Shape[^1];
        Layout rows = Layout.Contiguous(cosines.Data.Length / pairs, pairs);
        RotaryTable table = new(rows.Read(cosines.Data), rows.Read(given.Inputs["sin_cache"].Data));
        if (given.Integer("rotary_embedding_dim", 0) is > 0 and int dimension)
        {
            table.RotarySize.Should().Be(dimension);
        }

        RotaryLayout layout = given.Integer("interleaved", 0) != 0 ? RotaryLayout.Interleaved : RotaryLayout.Half;
        float[] output = new float[input.Data.Length];
        Rotary.Apply(input.Layout.Read(input.Data), table, positions, layout, input.Layout.Write(output));
        return new Dictionary<string, float[]> { ["output"] = output };
    }
}
