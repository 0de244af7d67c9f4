using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;

namespace Pronounce;

/// <summary>What a decoder knows of the word at each step: the one place where the kinds of attention differ.</summary>
internal abstract class ContextSource() : Layer(CpuBackend.Shared)
{
    /// <summary>Numbers of a context.</summary>
    internal abstract int ContextSize { get; }

    /// <summary>Whether the state after a step asks (Luong et al.), or the one before it.</summary>
    internal abstract bool AsksAfterStep { get; }

    /// <summary>What every step needs, from the encoder's states of each letter and its last states.</summary>
    /// <param name="states"><c>[batch, length, size]</c>.</param>
    /// <param name="summary"><c>[batch, size]</c>.</param>
    /// <param name="lengths">The lengths of the words.</param>
    internal abstract IDisposable Prepare(Variable states, Variable summary, int[] lengths);

    /// <summary>The context of a step, <c>[batch, ContextSize]</c>.</summary>
    internal abstract Variable Context(Variable state, IDisposable memory, int step);

    /// <summary>How much each letter has of the context that was last given, <c>[batch, length]</c>; null without attention.</summary>
    internal abstract float[]? Weights(Variable state, IDisposable memory, int step);
}
