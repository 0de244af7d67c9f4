namespace Attention.Tiles;

/// <summary>
/// Location-aware attention as the kernels see it: addresses, strides (in floats) and sizes, checked by the mechanism. There are
/// no heads; operands have a head stride of zero.
/// </summary>
internal unsafe struct LocationProblem
{
    internal int Batch;
    internal int QueryLength;
    internal int KeyLength;
    internal int HiddenSize;
    internal int ValueSize;

    /// <summary>Numbers that a key's location gives: the filters, or 1 without.</summary>
    internal int Features;

    /// <summary>Taps of a filter; 1 without filters.</summary>
    internal int Width;

    internal Operand Query;
    internal Operand Key;
    internal Operand Value;
    internal Operand Context;
    internal Operand Alignments;

    /// <summary>One row a batch element, or a null address for zeros.</summary>
    internal Operand Initial;

    internal float* ScoreVector;

    /// <summary>Null without filters.</summary>
    internal float* Filters;
    internal nint FilterStride;

    internal float* Projection;
    internal nint ProjectionStride;

    /// <summary>One number, or null for zero.</summary>
    internal float* ScoreBias;

    internal float Sharpness;
    internal bool IsSigmoid;
    internal bool IsAccumulated;
    internal bool IsFlipped;
    internal bool HasWindow;

    /// <summary>Whether a window lies around the median and not the mean.</summary>
    internal bool IsMedian;

    internal double Before;
    internal double After;

    /// <summary>How many taps of a filter lie before the key itself.</summary>
    internal readonly int Left => (Width - 1) / 2;

    internal readonly float Bias => ScoreBias == null ? 0f : *ScoreBias;
}

/// <summary>The backward pass: what the forward pass had, and where gradients come from and go. Null addresses are not wanted.</summary>
internal unsafe struct LocationGradientProblem
{
    internal LocationProblem Forward;
    internal Operand ContextGradient;

    /// <summary>Null for none.</summary>
    internal Operand AlignmentGradient;

    internal Operand QueryGradient;
    internal Operand KeyGradient;
    internal Operand ValueGradient;
    internal Operand InitialGradient;
    internal float* ScoreVectorGradient;
    internal float* FilterGradient;
    internal nint FilterGradientStride;
    internal float* ProjectionGradient;
    internal nint ProjectionGradientStride;
    internal float* ScoreBiasGradient;

    /// <summary>Whether alignments that features come from count as constants.</summary>
    internal bool StopsAlignments;
}
