using Attention.Autodiff;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>The annotations of a batch and what a <see cref="VisualAttentionLayer"/> computes of them once for all steps.</summary>
/// <remarks>Dispose it when the last step is done; what a tape needs it keeps itself.</remarks>
public sealed class VisualMemory : IDisposable
{
    internal VisualMemory(Variable annotations, Variable keys, KeyLengthMask real)
    {
        Annotations = annotations;
        Keys = keys;
        Real = real;
    }

    /// <summary><c>[batch, 1, regions, annotationSize]</c>.</summary>
    public Variable Annotations { get; }

    /// <summary>The projected annotations, <c>[batch, 1, regions, hiddenSize]</c>.</summary>
    public Variable Keys { get; }

    /// <summary>The regions that are real.</summary>
    internal KeyLengthMask Real { get; }

    /// <summary>Disposes both.</summary>
    public void Dispose()
    {
        Annotations.Dispose();
        Keys.Dispose();
    }
}
