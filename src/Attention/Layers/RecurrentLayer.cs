using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Numerics;

namespace Attention.Layers;

/// <summary>
/// A recurrence with its weights. Parameters as in PyTorch: <c>weight_ih_l0 [gates hiddenSize, inputSize]</c>, Glorot uniform;
/// <c>weight_hh_l0 [gates hiddenSize, hiddenSize]</c>, an orthogonal matrix for each gate; <c>bias_ih_l0</c> and <c>bias_hh_l0</c>
/// <c>[gates hiddenSize]</c>, zero. Those of a reversed layer end in <c>_reverse</c>.
/// </summary>
public abstract class RecurrentLayer : Layer
{
    private readonly RecurrentCell _cell;

    private protected RecurrentLayer(
        RecurrentCell cell, int inputSize, int hiddenSize, bool hasBias, bool isReversed, ulong seed, IComputeBackend? backend)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hiddenSize);
        (_cell, InputSize, HiddenSize, IsReversed) = (cell, inputSize, hiddenSize, isReversed);
        int gates = GatedRecurrence.Gates(cell);
        int rows = gates * hiddenSize;
        float[] recurrent = new float[rows * hiddenSize];
        float[] input = new float[rows * inputSize];
        for (int gate = 0; gate < gates; gate++)
        {
            Initialization.GlorotUniform(
                input.AsSpan(gate * hiddenSize * inputSize, hiddenSize * inputSize), new PhiloxRandom(Initial.Seed(seed, 2 * gate)), inputSize, hiddenSize);
            Initialization.Orthogonal(
                recurrent.AsSpan(gate * hiddenSize * hiddenSize, hiddenSize * hiddenSize), new PhiloxRandom(Initial.Seed(seed, 2 * gate + 1)),
                hiddenSize, hiddenSize);
        }

        string end = isReversed ? "_l0_reverse" : "_l0";
        InputWeight = AddParameter($"weight_ih{end}", input, rows, inputSize);
        RecurrentWeight = AddParameter($"weight_hh{end}", recurrent, rows, hiddenSize);
        if (hasBias)
        {
            InputBias = AddParameter($"bias_ih{end}", new float[rows], rows);
            RecurrentBias = AddParameter($"bias_hh{end}", new float[rows], rows);
        }
    }

    /// <summary>Numbers of a position of the input.</summary>
    public int InputSize { get; }

    /// <summary>Numbers of the state.</summary>
    public int HiddenSize { get; }

    /// <summary>Whether it begins at the end of each sequence.</summary>
    public bool IsReversed { get; }

    /// <summary><c>[gates hiddenSize, inputSize]</c>.</summary>
    public Parameter InputWeight { get; }

    /// <summary><c>[gates hiddenSize, hiddenSize]</c>.</summary>
    public Parameter RecurrentWeight { get; }

    /// <summary><c>[gates hiddenSize]</c>, or null.</summary>
    public Parameter? InputBias { get; }

    /// <summary><c>[gates hiddenSize]</c>, or null.</summary>
    public Parameter? RecurrentBias { get; }

    /// <summary>Runs over whole sequences, from zeros.</summary>
    /// <param name="input"><c>[batch, length, inputSize]</c>; what lies behind the end of a sequence is not read.</param>
    /// <param name="lengths">The length of each sequence; null if all fill the input. A tape keeps the array until it was played back.</param>
    /// <exception cref="ArgumentException">A shape is another, or the lengths do not fit.</exception>
    public RecurrenceResult Forward(Variable input, int[]? lengths = null) => Run(input, lengths, null, null);

    private protected RecurrenceResult Run(Variable input, int[]? lengths, Variable? initialState, Variable? initialCell)
    {
        LayerInput.CheckSequences(input, nameof(input), "length", InputSize);
        nint length = input.Data.Lengths[1];
        bool isPadded = lengths is not null && Array.Exists(lengths, own => own != length);
        using Variable? cleared = isPadded ? Differentiable.ClearPadding(input, lengths!) : null;
        using Variable gates = Differentiable.Linear(cleared ?? input, InputWeight, InputBias);
        return Differentiable.Recurrence(
            gates, RecurrentWeight, RecurrentBias, initialState, initialCell, lengths,
            new RecurrenceOptions { Cell = _cell, IsReversed = IsReversed });
    }

    /// <summary>One step of every sequence: a sequence of length 1.</summary>
    private protected RecurrenceResult RunStep(Variable input, Variable? state, Variable? cell)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Data.Rank != 2 || input.Data.Lengths[1] != InputSize)
        {
            throw new ArgumentException(
                $"'{nameof(input)}' has shape {Shapes.Text(input.Data.Lengths)}; expected [batch, {InputSize}].", nameof(input));
        }

        using Variable gates = Differentiable.Linear(input, InputWeight, InputBias);
        using Variable sequence = gates.Reshape(gates.Data.Lengths[0], 1, gates.Data.Lengths[1]);
        return Differentiable.Recurrence(
            sequence, RecurrentWeight, RecurrentBias, state, cell, null, new RecurrenceOptions { Cell = _cell, IsReversed = IsReversed });
    }

    private protected static void CheckState(Variable? state, string name, Variable input, int hiddenSize)
    {
        if (state is not null && input is not null && input.Data.Rank > 0
            && !state.Data.Lengths.SequenceEqual([input.Data.Lengths[0], hiddenSize]))
        {
            throw new ArgumentException(
                $"'{name}' has shape {Shapes.Text(state.Data.Lengths)}; expected [{input.Data.Lengths[0]}, {hiddenSize}] ([batch, hiddenSize]).", name);
        }
    }
}
