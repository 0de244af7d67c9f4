using Attention.Layers;

namespace QuickStart;

/// <summary>What ONNX Runtime computed for the same input with the same weights.</summary>
internal sealed class Recording(SafetensorsFile file)
{
    /// <summary>Columns of the text line's image.</summary>
    internal const int Length = 59;

    /// <summary>The text in the image.</summary>
    internal const string Text = "Attention is all you need 2017";

    /// <summary>What the neck is given, <c>[Length, ModelSize]</c>.</summary>
    internal float[] Input { get; } = file.ReadArray("test.input", 1, Length, SvtrBlock.ModelSize);

    /// <summary>The largest absolute difference of each recorded tensor, in the order in which they are computed.</summary>
    internal IEnumerable<(string Name, float Difference)> Differences(NeckResult result)
    {
        for (int i = 0; i < result.Blocks.Count; i++)
        {
            float[] weights = file.ReadArray($"test.block{i}.attn_probs", 1, SvtrBlock.Heads, Length, Length);
            float[] output = file.ReadArray($"test.block{i}.output", 1, Length, SvtrBlock.ModelSize);
            yield return ($"block {i}, attention weights", LargestDifference(weights, result.Blocks[i].Weights));
            yield return ($"block {i}, output", LargestDifference(output, result.Blocks[i].Output));
        }

        yield return ("output", LargestDifference(file.ReadArray("test.output", 1, Length, SvtrBlock.ModelSize), result.Output));
    }

    private static float LargestDifference(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        float largest = 0f;
        for (int i = 0; i < expected.Length; i++)
        {
            // MathF.Max keeps a NaN, so that a broken result cannot pass for a small difference.
            largest = MathF.Max(largest, MathF.Abs(expected[i] - actual[i]));
        }

        return largest;
    }
}
