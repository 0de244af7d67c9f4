using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>
/// Two recurrences over the same sequences (Schuster and Paliwal 1997): one from the first position, one from each sequence's own
/// last. Parameters are those of both, whose names PyTorch's bidirectional modules have.
/// </summary>
public sealed class BidirectionalLayer : Layer
{
    /// <summary>Joins two layers.</summary>
    /// <param name="forward">The one from the first position, which this layer takes over.</param>
    /// <param name="backward">The one from the last position, which this layer takes over.</param>
    /// <exception cref="ArgumentException">A direction is wrong, or the layers do not take the same input.</exception>
    public BidirectionalLayer(RecurrentLayer forward, RecurrentLayer backward)
        : base(Checked(forward, backward))
    {
        ForwardLayer = AddLayer("", forward);
        BackwardLayer = AddLayer("", backward);
    }

    /// <summary>The layer from the first position.</summary>
    public RecurrentLayer ForwardLayer { get; }

    /// <summary>The layer from the last position.</summary>
    public RecurrentLayer BackwardLayer { get; }

    /// <summary>Makes a bidirectional gated recurrent unit.</summary>
    /// <param name="inputSize">Numbers of a position of the input.</param>
    /// <param name="hiddenSize">Numbers of the state of each direction.</param>
    /// <param name="convention">Where the reset gate works.</param>
    /// <param name="hasBias">Whether there are biases.</param>
    /// <param name="seed">Decides the first weights.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or there is no such convention.</exception>
    public static BidirectionalLayer Gru(
        int inputSize, int hiddenSize, GruConvention convention = GruConvention.ResetAfter, bool hasBias = true, ulong seed = 0,
        IComputeBackend? backend = null) => new(
            new GruLayer(inputSize, hiddenSize, convention, hasBias, false, Initial.Seed(seed, 0), backend),
            new GruLayer(inputSize, hiddenSize, convention, hasBias, true, Initial.Seed(seed, 1), backend));

    /// <summary>Makes a bidirectional long short-term memory.</summary>
    /// <param name="inputSize">Numbers of a position of the input.</param>
    /// <param name="hiddenSize">Numbers of the state of each direction.</param>
    /// <param name="forgetBias">The first bias of the forget gate.</param>
    /// <param name="hasBias">Whether there are biases.</param>
    /// <param name="seed">Decides the first weights.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
    public static BidirectionalLayer Lstm(
        int inputSize, int hiddenSize, float forgetBias = 1, bool hasBias = true, ulong seed = 0, IComputeBackend? backend = null) => new(
            new LstmLayer(inputSize, hiddenSize, forgetBias, hasBias, false, Initial.Seed(seed, 0), backend),
            new LstmLayer(inputSize, hiddenSize, forgetBias, hasBias, true, Initial.Seed(seed, 1), backend));

    /// <summary>Runs both directions over whole sequences, from zeros.</summary>
    /// <param name="input"><c>[batch, length, inputSize]</c>; what lies behind the end of a sequence is not read.</param>
    /// <param name="lengths">The length of each sequence; null if all fill the input.</param>
    /// <returns>
    /// Both directions side by side, that from the first position first: <c>[batch, length, 2 hiddenSize]</c>, and the last states of
    /// both, which have seen the whole sequence, <c>[batch, 2 hiddenSize]</c>.
    /// </returns>
    /// <exception cref="ArgumentException">A shape is another, or the lengths do not fit.</exception>
    public RecurrenceResult Forward(Variable input, int[]? lengths = null)
    {
        using RecurrenceResult forward = ForwardLayer.Forward(input, lengths);
        using RecurrenceResult backward = BackwardLayer.Forward(input, lengths);
        bool hasCell = forward.FinalCell is not null && backward.FinalCell is not null;
        return new RecurrenceResult(
            Differentiable.Concatenate(2, forward.Output, backward.Output),
            Differentiable.Concatenate(1, forward.FinalState, backward.FinalState),
            hasCell ? Differentiable.Concatenate(1, forward.FinalCell!, backward.FinalCell!) : null);
    }

    private static IComputeBackend Checked(RecurrentLayer forward, RecurrentLayer backward)
    {
        ArgumentNullException.ThrowIfNull(forward);
        ArgumentNullException.ThrowIfNull(backward);
        if (forward.IsReversed)
        {
            throw new ArgumentException($"'{nameof(forward)}' is reversed; expected a layer that begins at the first position.", nameof(forward));
        }

        if (!backward.IsReversed || backward.InputSize != forward.InputSize || backward.Backend != forward.Backend)
        {
            throw new ArgumentException(
                $"'{nameof(backward)}' takes {backward.InputSize} numbers, reversed {backward.IsReversed}, on {backward.Backend.Name}; expected a "
                + $"reversed layer of {forward.InputSize} on {forward.Backend.Name}.", nameof(backward));
        }

        return forward.Backend;
    }
}
