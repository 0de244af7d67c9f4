using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;

namespace Attention.Layers;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997), gates in the order i, f, g, o. Parameters: see
/// <see cref="RecurrentLayer"/>; checkpoints of PyTorch's LSTM fit. The input's bias of the forget gate begins at
/// <c>forgetBias</c>, so that the layer remembers at first (Jozefowicz et al. 2015); PyTorch has 0.
/// </summary>
public sealed class LstmLayer : RecurrentLayer
{
    /// <summary>Creates a layer.</summary>
    /// <param name="inputSize">Numbers of a position of the input.</param>
    /// <param name="hiddenSize">Numbers of the state.</param>
    /// <param name="forgetBias">The first bias of the forget gate; without biases it has none.</param>
    /// <param name="hasBias">Whether there are biases.</param>
    /// <param name="isReversed">Whether it begins at the end of each sequence.</param>
    /// <param name="seed">Decides the first weights.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
    public LstmLayer(
        int inputSize, int hiddenSize, float forgetBias = 1, bool hasBias = true, bool isReversed = false, ulong seed = 0,
        IComputeBackend? backend = null)
        : base(RecurrentCell.Lstm, inputSize, hiddenSize, hasBias, isReversed, seed, backend)
    {
        if (InputBias is not null)
        {
            using DeviceTensor forget = InputBias.Data.Slice(0, hiddenSize, hiddenSize);
            Backend.Fill(forget, forgetBias);
        }
    }

    /// <summary>Runs over whole sequences from a given state.</summary>
    /// <param name="input"><c>[batch, length, inputSize]</c>; what lies behind the end of a sequence is not read.</param>
    /// <param name="lengths">The length of each sequence; null if all fill the input.</param>
    /// <param name="initialState">Where to begin; null for zeros. It stays the caller's.</param>
    /// <exception cref="ArgumentException">A shape is another, or the lengths do not fit.</exception>
    public RecurrenceResult Forward(Variable input, int[]? lengths, LstmState? initialState)
    {
        CheckState(initialState?.Hidden, nameof(initialState), input, HiddenSize);
        CheckState(initialState?.Cell, nameof(initialState), input, HiddenSize);
        return Run(input, lengths, initialState?.Hidden, initialState?.Cell);
    }

    /// <summary>One step of every sequence.</summary>
    /// <param name="input"><c>[batch, inputSize]</c>.</param>
    /// <param name="state">The state before; null for zeros. It stays the caller's.</param>
    /// <returns>The state after, which is the caller's too.</returns>
    /// <exception cref="ArgumentException">A shape is another.</exception>
    public LstmState Step(Variable input, LstmState? state)
    {
        CheckState(state?.Hidden, nameof(state), input, HiddenSize);
        CheckState(state?.Cell, nameof(state), input, HiddenSize);
        RecurrenceResult result = RunStep(input, state?.Hidden, state?.Cell);
        result.Output.Dispose();
        return new LstmState(result.FinalState, result.FinalCell!);
    }
}
