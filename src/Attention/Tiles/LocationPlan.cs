namespace Attention.Tiles;

/// <summary>
/// How a problem is cut and how its working memory is laid out. Keys are cut into blocks by their number alone, so that the bits
/// do not depend on threads or on the batch; at most 16 blocks bound the partial sums of the backward pass.
/// </summary>
internal readonly struct LocationPlan
{
    /// <summary>Floats of the widest vector: rows of working memory are multiples of it.</summary>
    internal const int Lanes = 16;

    private const int SmallestBlock = 64;
    private const int MostBlocks = 16;

    private readonly int _keyLength;

    internal LocationPlan(in LocationProblem problem)
    {
        _keyLength = problem.KeyLength;
        BlockKeys = Math.Max(SmallestBlock, RoundUp((problem.KeyLength + MostBlocks - 1) / MostBlocks));
        Blocks = (problem.KeyLength + BlockKeys - 1) / BlockKeys;
        HiddenStride = RoundUp(problem.HiddenSize);
        WidthStride = RoundUp(problem.Width);
        SignalRoom = BlockKeys + WidthStride;
        SpreadStride = RoundUp(problem.KeyLength) + WidthStride;
        LaneFloats = HiddenStride + (nint)problem.Features * (HiddenStride + WidthStride) + Lanes;
    }

    internal int BlockKeys { get; }

    internal int Blocks { get; }

    /// <summary>A row of hidden numbers.</summary>
    internal int HiddenStride { get; }

    /// <summary>A filter.</summary>
    internal int WidthStride { get; }

    /// <summary>The numbers that the features of a block are computed from.</summary>
    internal int SignalRoom { get; }

    /// <summary>The gradients of one feature of all keys, with zeros on both sides.</summary>
    internal int SpreadStride { get; }

    /// <summary>The weights' gradients from one block: score vector, projection, filters, score bias.</summary>
    internal nint LaneFloats { get; }

    internal IndexRange Block(int index) => new(index * BlockKeys, Math.Min(_keyLength, (index + 1) * BlockKeys));

    internal static int RoundUp(int count) => (count + Lanes - 1) / Lanes * Lanes;
}
