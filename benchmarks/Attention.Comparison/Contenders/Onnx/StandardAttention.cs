using Attention.Comparison.Work;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>The standard's own operator, ai.onnx Attention of operator set 23: heads before positions.</summary>
internal static class StandardAttention
{
    internal static OnnxContender Create(AttentionData data, int threads)
    {
        AttentionShape shape = data.Shape;
        long[] queryShape = [shape.Batch, shape.Heads, shape.QueryLength, shape.Size];
        long[] keyShape = [shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.Size];
        OnnxTensor?[] inputs =
        [
            OnnxTensor.Floats("Q", data.Query, queryShape),
            OnnxTensor.Floats("K", data.Key, keyShape),
            OnnxTensor.Floats("V", data.Value, keyShape),
            shape.Bias ? OnnxTensor.Floats("attn_mask", data.Bias, 1, shape.Heads, shape.QueryLength, shape.KeyLength) : null,
        ];
        OnnxTensor[] outputs = [OnnxTensor.Room("Y", queryShape)];
        byte[] model = OnnxModel.Create(string.Empty, "Attention", [("is_causal", shape.Causal ? 1 : 0)], inputs, outputs);
        return new OnnxContender("Attention-23", model, inputs, outputs, output => output, threads);
    }
}
