using System.Numerics;

namespace Attention.TestKit;

/// <summary>What attention gives, row-major.</summary>
public sealed class AttentionResult<T>(AttentionShape shape, bool withScores)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public AttentionShape Shape { get; } = shape;

    public T[] Output { get; } = new T[shape.OutputCount];

    public T[] LogSumExp { get; } = new T[shape.RowCount];

    /// <summary>The scores after the scale alone. This one and the next three are empty unless asked for.</summary>
    public T[] Raw { get; } = new T[withScores ? shape.ScoreCount : 0];

    /// <summary>The scores after the modifier.</summary>
    public T[] Modified { get; } = new T[withScores ? shape.ScoreCount : 0];

    /// <summary>The scores after modifier, bias and mask; negative infinity where hidden.</summary>
    public T[] Masked { get; } = new T[withScores ? shape.ScoreCount : 0];

    /// <summary>The normalised weights before dropout; zero where hidden.</summary>
    public T[] Weights { get; } = new T[withScores ? shape.ScoreCount : 0];

    /// <summary>How much rounding may move each tensor, in units of the precision.</summary>
    public Sensitivity Sensitivity { get; } = new();
}
