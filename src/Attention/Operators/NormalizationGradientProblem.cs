namespace Attention.Operators;

/// <summary>What the gradient of a normalisation needs besides the arithmetic.</summary>
internal unsafe struct NormalizationGradientProblem
{
    internal LoopAxes Axes;
    internal NormalizationKind Kind;
    internal float Epsilon;
    internal float Beta;

    /// <summary>The weight, or null for ones.</summary>
    internal float* Weight;

    /// <summary>Room for a row per block, or null if the weight's gradient is not wanted.</summary>
    internal float* WeightSums;

    /// <summary>Room for a row per block, or null if the bias's gradient is not wanted.</summary>
    internal float* BiasSums;

    /// <summary>Rows of a block.</summary>
    internal nint BlockRows;
}
