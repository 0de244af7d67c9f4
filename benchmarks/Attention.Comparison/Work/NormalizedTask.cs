namespace Attention.Comparison.Work;

/// <summary>
/// Scaled dot-product attention with a sparse normaliser in the place of softmax. Inputs: queries, keys and values
/// <c>[1, heads, length, size]</c>.
/// </summary>
/// <param name="heads">Heads.</param>
/// <param name="length">Queries and keys.</param>
/// <param name="size">Numbers of each.</param>
/// <param name="isSparsemax">Sparsemax, or entmax with alpha 1.5.</param>
internal sealed class NormalizedTask(int heads, int length, int size, bool isSparsemax) : TensorTask
{
    internal int Length => length;

    internal int Size => size;

    internal bool IsSparsemax => isSparsemax;

    /// <inheritdoc/>
    protected override nint[] OutputLengths => [1, heads, length, size];

    /// <summary>The products alone: two forward, five more backward.</summary>
    internal override double Operations(bool isTraining) => (isTraining ? 7 : 2) * 2.0 * heads * length * length * size;

    /// <inheritdoc/>
    protected override TaskTensor[] CreateInputs() =>
    [
        TaskTensor.Normal(1, 1, 1, heads, length, size),
        TaskTensor.Normal(2, 1, 1, heads, length, size),
        TaskTensor.Normal(3, 1, 1, heads, length, size),
    ];
}
