namespace Attention.Comparison.Work;

/// <summary>
/// Luong's global attention with the general score, up to the context. Inputs: target states, source states, both
/// <c>[batch, length, size]</c>, and the score's weight <c>[size, size]</c>.
/// </summary>
internal sealed class LuongTask(int batch, int length, int size) : TensorTask
{
    internal int Batch => batch;

    internal int Length => length;

    internal int Size => size;

    /// <inheritdoc/>
    protected override nint[] OutputLengths => [batch, length, size];

    /// <inheritdoc/>
    internal override double Operations(bool isTraining)
    {
        double projection = 2.0 * batch * length * size * size;
        double attention = 4.0 * batch * length * length * size;
        return isTraining ? 3 * projection + 3.5 * attention : projection + attention;
    }

    // Luong's scores are not scaled: the weight is so small that the weights of source states are not one state's alone.
    /// <inheritdoc/>
    protected override TaskTensor[] CreateInputs() =>
    [
        TaskTensor.Normal(1, 1, batch, length, size),
        TaskTensor.Normal(2, 1, batch, length, size),
        TaskTensor.Normal(3, 1f / size, size, size),
    ];
}
