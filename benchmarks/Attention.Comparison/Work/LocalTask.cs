using Attention.TestKit;

namespace Attention.Comparison.Work;

/// <summary>
/// Luong's local-p attention of one head. Inputs: queries, keys, values <c>[1, 1, length, size]</c>, and where each query looks,
/// <c>[1, length]</c>.
/// </summary>
internal sealed class LocalTask(int length, int size, int halfWidth) : TensorTask
{
    internal int Length => length;

    internal int Size => size;

    /// <summary>Keys seen on either side of the middle one.</summary>
    internal int HalfWidth => halfWidth;

    /// <inheritdoc/>
    protected override nint[] OutputLengths => [1, 1, length, size];

    /// <inheritdoc/>
    internal override double Operations(bool isTraining) => (isTraining ? 7 : 2) * 2.0 * size * length * (2 * halfWidth + 1);

    /// <inheritdoc/>
    protected override TaskTensor[] CreateInputs()
    {
        // Positions that go with the queries and stray a little, as those of translations do.
        float[] strays = AttentionProblems.Normal(new Random(4), length, 3);
        float[] positions = [.. strays.Select((stray, query) => Math.Clamp(query + stray, 0, length - 1))];
        return
        [
            TaskTensor.Normal(1, 0.2f, 1, 1, length, size),
            TaskTensor.Normal(2, 1, 1, 1, length, size),
            TaskTensor.Normal(3, 1, 1, 1, length, size),
            new TaskTensor(positions, 1, length),
        ];
    }
}
