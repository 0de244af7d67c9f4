using Attention.Autodiff;

namespace Attention.Layers;

/// <summary>What a <see cref="VisualAttentionLayer"/> gives besides the context; dispose it when its variables are no longer needed.</summary>
public sealed class VisualContext : IDisposable
{
    internal VisualContext(Variable context, Variable? weights, HardAttentionResult? choice)
    {
        Context = context;
        Weights = weights;
        Choice = choice;
    }

    /// <summary>The contexts after the gate, <c>[batch, steps, annotationSize]</c>.</summary>
    public Variable Context { get; }

    /// <summary>The soft weights, <c>[batch, 1, steps, regions]</c>; null where regions were chosen.</summary>
    public Variable? Weights { get; }

    /// <summary>
    /// The chosen regions with log-probabilities and entropies, <c>[batch, 1, steps]</c>; null where attention was soft. Its output is the
    /// chosen annotation before the gate.
    /// </summary>
    public HardAttentionResult? Choice { get; }

    /// <summary>Disposes the variables.</summary>
    public void Dispose()
    {
        Context.Dispose();
        Weights?.Dispose();
        Choice?.Dispose();
    }
}
