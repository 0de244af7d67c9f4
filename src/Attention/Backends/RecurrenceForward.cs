using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="GatedRecurrence"/> as a computation.</summary>
public readonly struct RecurrenceForward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of a gated recurrence";

    /// <summary><c>[batch, length, gates hiddenSize]</c>.</summary>
    public required DeviceTensor InputGates { get; init; }

    /// <summary><c>[gates hiddenSize, hiddenSize]</c>.</summary>
    public required DeviceTensor RecurrentWeight { get; init; }

    /// <summary><c>[gates hiddenSize]</c>; null for none.</summary>
    public DeviceTensor? RecurrentBias { get; init; }

    /// <summary><c>[batch, hiddenSize]</c>; null for zeros.</summary>
    public DeviceTensor? InitialState { get; init; }

    /// <summary><c>[batch, hiddenSize]</c>; null for zeros.</summary>
    public DeviceTensor? InitialCell { get; init; }

    /// <summary>The length of each sequence; null if all fill the tensors.</summary>
    public int[]? Lengths { get; init; }

    /// <summary>Overwritten, <c>[batch, length, hiddenSize]</c>; null if not wanted.</summary>
    public DeviceTensor? Output { get; init; }

    /// <summary>Overwritten, <c>[batch, hiddenSize]</c>; null if not wanted.</summary>
    public DeviceTensor? FinalState { get; init; }

    /// <summary>Overwritten, <c>[batch, hiddenSize]</c>; null if not wanted.</summary>
    public DeviceTensor? FinalCell { get; init; }

    /// <summary>Overwritten, <c>[batch, length, parts hiddenSize]</c>; null if not wanted.</summary>
    public DeviceTensor? Trace { get; init; }

    /// <summary>Which cell, which direction.</summary>
    public RecurrenceOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        GatedRecurrence.Forward(
            host.Span(InputGates, "inputGates"), host.Span(RecurrentWeight, "recurrentWeight"), host.Span(RecurrentBias, "recurrentBias"),
            host.Span(InitialState, "initialState"), host.Span(InitialCell, "initialCell"), Lengths, host.Span(Output, "output"),
            host.Span(FinalState, "finalState"), host.Span(FinalCell, "finalCell"), host.Span(Trace, "trace"),
            Options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
