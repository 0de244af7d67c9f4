using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="GatedRecurrence"/> as a computation; a gradient that is null is absent or not wanted.</summary>
public readonly struct RecurrenceBackward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of a gated recurrence";

    /// <summary>The weight of the forward pass.</summary>
    public required DeviceTensor RecurrentWeight { get; init; }

    /// <summary>The first state of the forward pass.</summary>
    public DeviceTensor? InitialState { get; init; }

    /// <summary>The first memory cell of the forward pass.</summary>
    public DeviceTensor? InitialCell { get; init; }

    /// <summary>The lengths of the forward pass.</summary>
    public int[]? Lengths { get; init; }

    /// <summary>What the forward pass gave.</summary>
    public required DeviceTensor Output { get; init; }

    /// <summary>What the forward pass gave.</summary>
    public required DeviceTensor Trace { get; init; }

    /// <summary>The gradient of the output.</summary>
    public DeviceTensor? OutputGradient { get; init; }

    /// <summary>The gradient of the final state.</summary>
    public DeviceTensor? FinalStateGradient { get; init; }

    /// <summary>The gradient of the final memory cell.</summary>
    public DeviceTensor? FinalCellGradient { get; init; }

    /// <summary>Overwritten, of the shape of the input's gates.</summary>
    public DeviceTensor? InputGatesGradient { get; init; }

    /// <summary>Overwritten, of the weight's shape.</summary>
    public DeviceTensor? RecurrentWeightGradient { get; init; }

    /// <summary>Overwritten, of the bias's shape.</summary>
    public DeviceTensor? RecurrentBiasGradient { get; init; }

    /// <summary>Overwritten, <c>[batch, hiddenSize]</c>.</summary>
    public DeviceTensor? InitialStateGradient { get; init; }

    /// <summary>Overwritten, <c>[batch, hiddenSize]</c>.</summary>
    public DeviceTensor? InitialCellGradient { get; init; }

    /// <summary>The options of the forward pass.</summary>
    public RecurrenceOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        GatedRecurrence.Backward(
            host.Span(RecurrentWeight, "recurrentWeight"), host.Span(InitialState, "initialState"), host.Span(InitialCell, "initialCell"),
            Lengths, host.Span(Output, "output"), host.Span(Trace, "trace"), host.Span(OutputGradient, "outputGradient"),
            host.Span(FinalStateGradient, "finalStateGradient"), host.Span(FinalCellGradient, "finalCellGradient"),
            host.Span(InputGatesGradient, "inputGatesGradient"), host.Span(RecurrentWeightGradient, "recurrentWeightGradient"),
            host.Span(RecurrentBiasGradient, "recurrentBiasGradient"), host.Span(InitialStateGradient, "initialStateGradient"),
            host.Span(InitialCellGradient, "initialCellGradient"),
            Options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
