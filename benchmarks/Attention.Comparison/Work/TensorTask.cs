namespace Attention.Comparison.Work;

/// <summary>
/// A tensor to compute of some others and, in training, their gradients by that of the result. The numbers are made when they
/// are first asked for, and once: the rows of a task and all contenders share them.
/// </summary>
internal abstract class TensorTask
{
    private const int GradientSeed = 100;

    private readonly Lazy<TaskTensor[]> _inputs;
    private readonly Lazy<TaskTensor> _outputGradient;

    protected TensorTask()
    {
        _inputs = new Lazy<TaskTensor[]>(CreateInputs);
        _outputGradient = new Lazy<TaskTensor>(() => TaskTensor.Normal(GradientSeed, 1, OutputLengths));
    }

    /// <summary>In the order that the task says.</summary>
    internal IReadOnlyList<TaskTensor> Inputs => _inputs.Value;

    /// <summary>The gradient by the result, of its shape.</summary>
    internal TaskTensor OutputGradient => _outputGradient.Value;

    protected abstract nint[] OutputLengths { get; }

    /// <summary>Operations of the forward pass, or of both.</summary>
    internal abstract double Operations(bool isTraining);

    protected abstract TaskTensor[] CreateInputs();
}
