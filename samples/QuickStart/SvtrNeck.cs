using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;

namespace QuickStart;

/// <summary>The neck of a text recogniser: two transformer blocks over the columns of a text line, then a last norm.</summary>
internal sealed class SvtrNeck : IDisposable
{
    private readonly SvtrBlock[] _blocks;
    private readonly LayerNorm _norm = new(SvtrBlock.ModelSize);

    internal SvtrNeck(SafetensorsFile file)
    {
        _blocks = [new SvtrBlock(file, "block0"), new SvtrBlock(file, "block1")];
        file.ReadInto(_norm, ("", "norm."));
    }

    /// <summary>Runs the neck on <paramref name="input"/> <c>[length, ModelSize]</c> and keeps what the recording kept.</summary>
    internal NeckResult Forward(float[] input)
    {
        int length = input.Length / SvtrBlock.ModelSize;
        using Variable columns = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, input, 1, length, SvtrBlock.ModelSize));
        using Variable first = _blocks[0].Forward(columns);
        using Variable second = _blocks[1].Forward(first);
        using Variable output = _norm.Forward(second);
        return new NeckResult([Result(_blocks[0], columns, first), Result(_blocks[1], first, second)], output.Data.ToArray());
    }

    public void Dispose()
    {
        _norm.Dispose();
        foreach (SvtrBlock block in _blocks)
        {
            block.Dispose();
        }
    }

    private static BlockResult Result(SvtrBlock block, Variable input, Variable output)
    {
        using DeviceTensor weights = block.Weights(input);
        return new BlockResult(weights.ToArray(), output.Data.ToArray());
    }
}

/// <summary>What one block gives.</summary>
/// <param name="Weights">The attention weights, <c>[heads, length, length]</c>.</param>
/// <param name="Output">The block's output, <c>[length, ModelSize]</c>.</param>
internal sealed record BlockResult(float[] Weights, float[] Output);

/// <summary>What the neck gives.</summary>
/// <param name="Blocks">Each block in turn.</param>
/// <param name="Output">The normalised output of the last block, <c>[length, ModelSize]</c>.</param>
internal sealed record NeckResult(IReadOnlyList<BlockResult> Blocks, float[] Output);
