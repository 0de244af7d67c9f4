using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;

namespace Attention.Layers;

/// <summary>
/// A gated recurrent unit (Cho et al. 2014) in one of two conventions, gates in the order r, z, n. Parameters: see
/// <see cref="RecurrentLayer"/>; checkpoints of PyTorch's GRU fit <see cref="GruConvention.ResetAfter"/>.
/// </summary>
public sealed class GruLayer : RecurrentLayer
{
    /// <summary>Creates a layer.</summary>
    /// <param name="inputSize">Numbers of a position of the input.</param>
    /// <param name="hiddenSize">Numbers of the state.</param>
    /// <param name="convention">Where the reset gate works.</param>
    /// <param name="hasBias">Whether there are biases.</param>
    /// <param name="isReversed">Whether it begins at the end of each sequence.</param>
    /// <param name="seed">Decides the first weights.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or there is no such convention.</exception>
    public GruLayer(
        int inputSize, int hiddenSize, GruConvention convention = GruConvention.ResetAfter, bool hasBias = true, bool isReversed = false,
        ulong seed = 0, IComputeBackend? backend = null)
        : base(Cell(convention), inputSize, hiddenSize, hasBias, isReversed, seed, backend) => Convention = convention;

    /// <summary>Where the reset gate works.</summary>
    public GruConvention Convention { get; }

    /// <summary>Runs over whole sequences from given states.</summary>
    /// <param name="input"><c>[batch, length, inputSize]</c>; what lies behind the end of a sequence is not read.</param>
    /// <param name="lengths">The length of each sequence; null if all fill the input.</param>
    /// <param name="initialState"><c>[batch, hiddenSize]</c>; null for zeros.</param>
    /// <exception cref="ArgumentException">A shape is another, or the lengths do not fit.</exception>
    public RecurrenceResult Forward(Variable input, int[]? lengths, Variable? initialState)
    {
        CheckState(initialState, nameof(initialState), input, HiddenSize);
        return Run(input, lengths, initialState, null);
    }

    /// <summary>One step of every sequence.</summary>
    /// <param name="input"><c>[batch, inputSize]</c>.</param>
    /// <param name="state">The states before, <c>[batch, hiddenSize]</c>; null for zeros.</param>
    /// <returns>The states after, <c>[batch, hiddenSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another.</exception>
    public Variable Step(Variable input, Variable? state)
    {
        CheckState(state, nameof(state), input, HiddenSize);
        RecurrenceResult result = RunStep(input, state, null);
        result.Output.Dispose();
        return result.FinalState;
    }

    private static RecurrentCell Cell(GruConvention convention) =>
        Initial.CheckDefined(convention, nameof(convention)) == GruConvention.ResetAfter
            ? RecurrentCell.GruResetAfter
            : RecurrentCell.GruResetBefore;
}
