using System.Numerics;

namespace Attention.TestKit;

/// <summary>Attention to windows: a problem of attention, and where each query looks and how far.</summary>
public sealed record LocalAttentionProblem<T>(AttentionProblem<T> Attention, T[] Position, int HalfWidth, bool IsGaussian)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Real keys of each batch element; null means all.</summary>
    public int[]? KeyLengths { get; init; }

    /// <summary>The same problem in another precision.</summary>
    public LocalAttentionProblem<TOther> To<TOther>()
        where TOther : unmanaged, IFloatingPointIeee754<TOther> =>
        new(Attention.To<TOther>(), Array.ConvertAll(Position, TOther.CreateTruncating), HalfWidth, IsGaussian) { KeyLengths = KeyLengths };

    /// <summary>Whether a key is real and in the window of a query.</summary>
    public bool Sees(int batch, int query, int key)
    {
        int length = KeyLengths is null ? Attention.Shape.KeyLength : KeyLengths[batch];
        double middle = Math.Clamp(
            Math.Floor(double.CreateChecked(Position[(batch * Attention.Shape.QueryLength) + query])), 0, Math.Max(0, length - 1));
        return key < length && Math.Abs(key - middle) <= HalfWidth;
    }
}
