using System.Numerics;

namespace Attention.TestKit;

/// <summary>A score modifier in any precision, written as its formula.</summary>
public abstract class ReferenceModifier
{
    /// <summary>The new score and its derivative by the old one.</summary>
    public abstract (T Value, T Derivative) Apply<T>(T score, int batch, int head, int query, int key)
        where T : IFloatingPointIeee754<T>;
}
