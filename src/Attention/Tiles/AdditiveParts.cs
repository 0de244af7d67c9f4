namespace Attention.Tiles;

/// <summary>
/// Where the lanes of the backward pass of additive attention sum: for each part of a key head gradients of keys, transposed
/// as they are packed, and of values; for each lane the gradient of the score vector.
/// </summary>
internal readonly unsafe struct AdditiveParts
{
    private readonly float* _memory;
    private readonly int _hiddenSize;
    private readonly int _count;

    internal AdditiveParts(in AttentionProblem problem, in LanePlan plan, float* memory)
    {
        _memory = memory;
        _hiddenSize = problem.HeadSize;
        _count = plan.PartsInMemory;
        KeyStride = KeyStrideOf(problem);
        ValueFloats = (nint)problem.KeyLength * problem.ValueSize;
    }

    /// <summary>Distance between the hidden units of a part: an odd number of cache lines, and room for whole vectors.</summary>
    internal int KeyStride { get; }

    /// <summary>Floats of a part's gradients of keys.</summary>
    internal nint KeyFloats => (nint)_hiddenSize * KeyStride;

    /// <summary>Floats of a part's gradients of values.</summary>
    internal nint ValueFloats { get; }

    /// <summary>Floats of all of them.</summary>
    internal static nint Floats(in AttentionProblem problem, in LanePlan plan) =>
        plan.PartsInMemory * ((nint)problem.HeadSize * KeyStrideOf(problem) + (nint)problem.KeyLength * problem.ValueSize)
        + (nint)plan.Lanes * problem.HeadSize;

    /// <summary>[hidden, key].</summary>
    internal float* Keys(int part) => _memory + part * KeyFloats;

    /// <summary>[key, value].</summary>
    internal float* Values(int part) => _memory + _count * KeyFloats + part * ValueFloats;

    internal float* ScoreVector(int lane) => _memory + _count * (KeyFloats + ValueFloats) + (nint)lane * _hiddenSize;

    private static int KeyStrideOf(in AttentionProblem problem) =>
        ((problem.KeyLength + ScoreRow.CacheLine - 1) / ScoreRow.CacheLine | 1) * ScoreRow.CacheLine;
}
