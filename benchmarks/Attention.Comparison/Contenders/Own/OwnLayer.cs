using Attention.Autodiff;
using Attention.Backends;
using Attention.Comparison.Work;
using Attention.Layers;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's layer, called as a user calls it; in training on a tape.</summary>
internal sealed class OwnLayer : IContender
{
    private readonly LayerTask _task;
    private readonly CpuBackend _backend;
    private readonly Layer _layer;
    private readonly DeviceTensor _input;
    private readonly DeviceTensor _gradient;
    private float[] _result = [];
    private DeviceTensor? _output;
    private DeviceTensor? _inputGradient;

    internal OwnLayer(LayerTask task, int threads)
    {
        _task = task;
        _backend = new CpuBackend(threads);
        _layer = task.Create(_backend);
        _input = DeviceTensor.Create(_backend, task.Input(), task.Batch, task.Length, task.ModelSize);
        _gradient = DeviceTensor.Create(_backend, task.OutputGradient(), task.Batch, task.Length, task.ModelSize);
    }

    /// <inheritdoc/>
    public string Name => _layer.GetType().Name;

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run()
    {
        _output?.Dispose();
        if (!_task.Training)
        {
            using Variable plain = Variable.Constant(_input.Share());
            using Variable result = Forward(plain);
            _output = result.Data.Share();
            return;
        }

        _layer.ClearGradients();
        using var tape = new Tape();
        using Variable input = tape.Watch(_input.Share());
        using Variable output = Forward(input);
        tape.Backward(output, _gradient);
        _inputGradient?.Dispose();
        _inputGradient = input.Gradient!.Share();
        _output = output.Data.Share();
    }

    /// <inheritdoc/>
    public float[] Result()
    {
        _result = [.. _output!.ToArray(), .. _inputGradient?.ToArray() ?? []];
        return _result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _output?.Dispose();
        _inputGradient?.Dispose();
        _gradient.Dispose();
        _input.Dispose();
        _layer.Dispose();
    }

    private Variable Forward(Variable input) => _layer switch
    {
        MultiHeadAttention attention => attention.Forward(input),
        TransformerEncoderLayer encoder => encoder.Forward(input, default(NoMask)),
        _ => throw new InvalidOperationException("The task makes no other layer."),
    };
}
