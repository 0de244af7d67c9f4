using Attention.Autodiff;
using Attention.Backends;
using Attention.Comparison.Work;

namespace Attention.Comparison.Contenders.Own;

/// <summary>Functions of the library as its layers compose them; in training on a tape.</summary>
internal abstract class OwnComposition : IContender
{
    private readonly bool _isTraining;
    private readonly DeviceTensor[] _inputs;
    private readonly DeviceTensor _outputGradient;
    private DeviceTensor[] _results = [];

    protected OwnComposition(TensorTask task, bool isTraining, int threads)
    {
        _isTraining = isTraining;
        CpuBackend backend = new(threads);
        _inputs = [.. task.Inputs.Select(input => DeviceTensor.Create(backend, input.Numbers, input.Lengths))];
        _outputGradient = DeviceTensor.Create(backend, task.OutputGradient.Numbers, task.OutputGradient.Lengths);
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run()
    {
        DisposeAll(_results);
        using Tape? tape = _isTraining ? new Tape() : null;
        Variable[] inputs = [.. _inputs.Select(input => tape?.Watch(input.Share()) ?? Variable.Constant(input.Share()))];
        using Variable output = Forward(inputs);
        tape?.Backward(output, _outputGradient);
        _results = _isTraining
            ? [output.Data.Share(), .. inputs.Select(input => input.Gradient!.Share())]
            : [output.Data.Share()];
        DisposeAll(inputs);
    }

    /// <inheritdoc/>
    public float[] Result() => [.. _results.SelectMany(result => result.ToArray())];

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeAll(_results);
        DisposeAll(_inputs);
        _outputGradient.Dispose();
    }

    /// <summary>Computes the result of the task's inputs, of the shape of its gradient.</summary>
    protected abstract Variable Forward(Variable[] inputs);

    private static void DisposeAll(IEnumerable<IDisposable> each)
    {
        foreach (IDisposable one in each)
        {
            one.Dispose();
        }
    }
}
