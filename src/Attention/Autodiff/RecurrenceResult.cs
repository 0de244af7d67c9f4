namespace Attention.Autodiff;

/// <summary>What a recurrence gives; disposing it disposes all of it.</summary>
public sealed class RecurrenceResult : IDisposable
{
    internal RecurrenceResult(Variable output, Variable finalState, Variable? finalCell)
    {
        Output = output;
        FinalState = finalState;
        FinalCell = finalCell;
    }

    /// <summary>The states at all positions, <c>[batch, length, hiddenSize]</c>, zero in the padding.</summary>
    public Variable Output { get; }

    /// <summary>The state after each sequence, <c>[batch, hiddenSize]</c>.</summary>
    public Variable FinalState { get; }

    /// <summary>The memory cell after each sequence, <c>[batch, hiddenSize]</c>; null for cells without one.</summary>
    public Variable? FinalCell { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Output.Dispose();
        FinalState.Dispose();
        FinalCell?.Dispose();
    }
}
