using Attention.Comparison.Work;

namespace Attention.Comparison.Contenders.Own;

/// <summary>A mechanism of the library over tensor spans, into memory taken once.</summary>
internal abstract class OwnTensors : IContender
{
    private readonly bool _isTraining;

    protected OwnTensors(TensorTask task, bool isTraining)
    {
        _isTraining = isTraining;
        Inputs = task.Inputs;
        OutputGradient = task.OutputGradient;
        Output = TaskTensor.Room(OutputGradient.Lengths);
        Gradients = isTraining ? [.. Inputs.Select(input => TaskTensor.Room(input.Lengths))] : [];
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>In the order of the task.</summary>
    protected IReadOnlyList<TaskTensor> Inputs { get; }

    protected TaskTensor Output { get; }

    protected TaskTensor OutputGradient { get; }

    /// <summary>Room for those of the inputs.</summary>
    protected IReadOnlyList<TaskTensor> Gradients { get; }

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run()
    {
        Forward();
        if (_isTraining)
        {
            Backward();
        }
    }

    /// <inheritdoc/>
    public float[] Result() => [.. Output.Numbers, .. Gradients.SelectMany(gradient => gradient.Numbers)];

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>Fills <see cref="Output"/>.</summary>
    protected abstract void Forward();

    /// <summary>Fills <see cref="Gradients"/>.</summary>
    protected abstract void Backward();
}
