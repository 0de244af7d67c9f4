using Attention.Policies;

namespace Attention.Tiles;

/// <summary>
/// Attention to a window of keys around a position for each query, as the kernels see it: the window of a query at p are the keys
/// of <c>[floor(p) - HalfWidth, floor(p) + HalfWidth]</c> that exist.
/// </summary>
internal unsafe struct LocalProblem
{
    /// <summary>Sizes, query, key, value, results, scale and dropout; no bias, no sinks, never packed.</summary>
    internal AttentionProblem Attention;

    /// <summary>One number for each query of each batch element; heads share it.</summary>
    internal Operand Position;

    /// <summary>Whole rows of weights, [batch, head, query, key], or absent.</summary>
    internal Operand Weights;

    internal int HalfWidth;

    /// <summary>Whether weights are multiplied by the Gaussian after the softmax.</summary>
    internal bool IsGaussian;

    /// <summary>How many keys of each batch element are real, or null for all.</summary>
    internal int* KeyLengths;

    /// <summary>The most keys that a window holds.</summary>
    internal readonly int MostKeys => (int)Math.Min(2L * HalfWidth + 1, Attention.KeyLength);

    /// <summary>Whether there is a Gaussian to compute: a window of one key has the factor 1.</summary>
    internal readonly bool HasGaussian => IsGaussian && HalfWidth > 0;

    /// <summary>1 / sigma^2 with sigma = HalfWidth / 2.</summary>
    internal readonly float InverseVariance => (float)(4.0 / ((double)HalfWidth * HalfWidth));

    internal readonly float PositionOf(int batch, int query) => *Position.At(batch, 0, query);

    /// <summary>The keys that a query may look at: its window, as far as there are keys and the mask's bounds reach.</summary>
    internal readonly IndexRange KeysOf<TMask>(in TMask mask, int batch, int head, int query)
        where TMask : struct, IAttentionMask
    {
        IndexRange window = WindowOf(PositionOf(batch, query), KeyLengths == null ? Attention.KeyLength : KeyLengths[batch]);
        return window.IsEmpty
            ? window
            : window.Intersect(mask.KeyBounds(batch, head, new IndexRange(query, query + 1), Attention.KeyLength));
    }

    /// <remarks>A position that is not a number stands at 0: its row is to be NaN, and a row needs keys for that.</remarks>
    private readonly IndexRange WindowOf(float position, int length)
    {
        double floor = Math.Floor((double)position);
        long centre = floor > 0 ? (long)Math.Min(floor, length - 1) : 0;
        return new IndexRange((int)Math.Max(0, centre - HalfWidth), (int)Math.Min(length, centre + HalfWidth + 1));
    }
}

/// <summary>What the backward pass reads and writes besides; an absent gradient is not wanted.</summary>
internal struct LocalGradientProblem
{
    internal LocalProblem Forward;
    internal Operand OutputGradient;

    /// <summary>One number a row, or absent.</summary>
    internal Operand LogSumExpGradient;
    internal Operand QueryGradient;
    internal Operand KeyGradient;
    internal Operand ValueGradient;

    /// <summary>One number for each query of each batch element, or absent.</summary>
    internal Operand PositionGradient;
}

/// <summary>What the gradients of keys and values need to know of a row of weights to compute its parts again.</summary>
internal struct LocalRowState
{
    /// <summary>In floats, which is what scratch is counted in.</summary>
    internal const int Floats = 5;

    /// <summary>The largest score.</summary>
    internal float Max;

    /// <summary>The weight of the largest score, which is one by the sum of exp(score - Max); NaN where the row is.</summary>
    internal float Factor;

    /// <summary>What softmax adds to the gradient of every weight.</summary>
    internal float Through;

    /// <summary>The keys that it sees; none where nothing is allowed.</summary>
    internal IndexRange Keys;
}
