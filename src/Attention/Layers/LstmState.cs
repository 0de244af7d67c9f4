using Attention.Autodiff;

namespace Attention.Layers;

/// <summary>The state of long short-term memory between two steps.</summary>
public sealed class LstmState : IDisposable
{
    /// <summary>Keeps both parts.</summary>
    /// <param name="hidden">What the layer shows, <c>[batch, hiddenSize]</c>, which the state takes over.</param>
    /// <param name="cell">What it remembers, <c>[batch, hiddenSize]</c>, which the state takes over.</param>
    public LstmState(Variable hidden, Variable cell)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(cell);
        (Hidden, Cell) = (hidden, cell);
    }

    /// <summary>What the layer shows, <c>[batch, hiddenSize]</c>.</summary>
    public Variable Hidden { get; }

    /// <summary>What it remembers, <c>[batch, hiddenSize]</c>.</summary>
    public Variable Cell { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Hidden.Dispose();
        Cell.Dispose();
    }
}
