using Attention.Mechanisms;

namespace Attention.Comparison.Work;

/// <summary>
/// A recurrence in one direction, from zeros. Inputs: the sequences <c>[batch, length, inputSize]</c>, and PyTorch's parameters
/// weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0.
/// </summary>
internal sealed class RecurrentTask(RecurrentCell cell, int batch, int length, int inputSize, int hiddenSize) : TensorTask
{
    /// <summary>One of PyTorch's: <see cref="RecurrentCell.GruResetAfter"/> or <see cref="RecurrentCell.Lstm"/>.</summary>
    internal RecurrentCell Cell => cell;

    internal int InputSize => inputSize;

    internal int HiddenSize => hiddenSize;

    /// <inheritdoc/>
    protected override nint[] OutputLengths => [batch, length, hiddenSize];

    private int Rows => GatedRecurrence.Gates(cell) * hiddenSize;

    /// <summary>The two products; each has two gradients.</summary>
    internal override double Operations(bool isTraining) => (isTraining ? 3 : 1) * 2.0 * batch * length * Rows * (inputSize + hiddenSize);

    /// <inheritdoc/>
    protected override TaskTensor[] CreateInputs() =>
    [
        TaskTensor.Normal(1, 1, batch, length, inputSize),
        TaskTensor.Normal(2, 1 / MathF.Sqrt(inputSize), Rows, inputSize),
        TaskTensor.Normal(3, 1 / MathF.Sqrt(hiddenSize), Rows, hiddenSize),
        TaskTensor.Normal(4, 0.1f, Rows),
        TaskTensor.Normal(5, 0.1f, Rows),
    ];
}
