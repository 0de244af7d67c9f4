namespace Attention.Tiles;

/// <summary>What the backward pass of attention with any normaliser reads and writes; an absent gradient is not wanted.</summary>
internal struct NormalizedProblem
{
    /// <summary>Sizes, query, key, value, scale and dropout; no bias, no sinks, never packed.</summary>
    internal AttentionProblem Attention;
    internal Operand OutputGradient;
    internal Operand QueryGradient;
    internal Operand KeyGradient;
    internal Operand ValueGradient;
}
