namespace QuickStart;

/// <summary>The neck of a text recogniser: two transformer blocks over the columns of a text line, then a last norm.</summary>
internal sealed class SvtrNeck(SafetensorsFile file)
{
    private readonly TransformerBlock[] _blocks = [new(file, "block0"), new(file, "block1")];
    private readonly LayerNorm _norm = new(file, "norm", TransformerBlock.ModelSize);

    /// <summary>Runs the neck on <paramref name="input"/> <c>[length, ModelSize]</c> and keeps what the recording kept.</summary>
    internal NeckResult Forward(float[] input)
    {
        BlockResult first = Run(_blocks[0], input);
        BlockResult second = Run(_blocks[1], first.Output);
        return new NeckResult([first, second], _norm.Forward(second.Output));
    }

    private static BlockResult Run(TransformerBlock block, float[] input) =>
        new(TransformerBlock.Weights(block.Project(input)), block.Forward(input));
}

/// <summary>What one block gives.</summary>
/// <param name="Weights">The attention weights, <c>[heads, length, length]</c>.</param>
/// <param name="Output">The block's output, <c>[length, ModelSize]</c>.</param>
internal sealed record BlockResult(float[] Weights, float[] Output);

/// <summary>What the neck gives.</summary>
/// <param name="Blocks">Each block in turn.</param>
/// <param name="Output">The normalised output of the last block, <c>[length, ModelSize]</c>.</param>
internal sealed record NeckResult(IReadOnlyList<BlockResult> Blocks, float[] Output);
