namespace Attention.Comparison.Work;

/// <summary>
/// Location-aware attention over one sequence, all steps in one call. Inputs: projected queries <c>[1, steps, size]</c>, projected
/// keys and values <c>[1, keys, size]</c>, score vector <c>[size]</c>, filters <c>[filters, width]</c>, projection
/// <c>[size, filters]</c>, and the alignment before the first step <c>[1, keys]</c>.
/// </summary>
internal sealed class LocationAwareTask(int steps, int keys, int size, int filters, int width) : TensorTask
{
    internal int Steps => steps;

    internal int Keys => keys;

    /// <summary>Odd, so that a filter has a middle.</summary>
    internal int Width => width;

    /// <inheritdoc/>
    protected override nint[] OutputLengths => [1, steps, size];

    /// <summary>Convolution, features to hidden numbers, score, context; each has two gradients. A tanh is not counted.</summary>
    internal override double Operations(bool isTraining) =>
        (isTraining ? 3 : 1) * 2.0 * steps * keys * (filters * width + size * (filters + 2.0));

    /// <inheritdoc/>
    protected override TaskTensor[] CreateInputs()
    {
        TaskTensor initial = TaskTensor.Room(1, keys);
        initial.Numbers[0] = 1;
        return
        [
            TaskTensor.Normal(1, 1, 1, steps, size),
            TaskTensor.Normal(2, 1, 1, keys, size),
            TaskTensor.Normal(3, 1, 1, keys, size),
            TaskTensor.Normal(4, 0.2f, size),
            TaskTensor.Normal(5, 1, filters, width),
            TaskTensor.Normal(6, 0.3f, size, filters),
            initial,
        ];
    }
}
