using Attention.Backends;
using Attention.Comparison.Work;
using Attention.Layers;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>
/// The multi-head layer's forward and backward pass as calls to the backend in the order in which the tape plays them, into
/// memory taken once: what the tape costs is the difference.
/// </summary>
internal sealed class OwnLayerByHand : IContender
{
    private readonly LayerTask _task;
    private readonly CpuBackend _backend;
    private readonly Layer _layer;
    private readonly DeviceTensor[] _weights;
    private readonly DeviceTensor[] _weightGradients;
    private readonly DeviceTensor _input, _gradient, _packed, _packedGradient, _joined, _joinedGradient, _logSumExp, _output, _inputGradient;

    internal OwnLayerByHand(LayerTask task, int threads)
    {
        _task = task;
        _backend = new CpuBackend(threads);
        _layer = task.Create(_backend);
        _weights = [.. _layer.NamedParameters().Select(entry => entry.Value.Data.Share())];
        _weightGradients = [.. _weights.Select(weight => DeviceTensor.Allocate(_backend, weight.Lengths))];
        nint rows = task.Batch * task.Length;
        _input = DeviceTensor.Create(_backend, task.Input(), rows, task.ModelSize);
        _gradient = DeviceTensor.Create(_backend, task.OutputGradient(), rows, task.ModelSize);
        _packed = DeviceTensor.Allocate(_backend, rows, 3 * task.ModelSize);
        _packedGradient = DeviceTensor.Allocate(_backend, rows, 3 * task.ModelSize);
        _joined = DeviceTensor.Allocate(_backend, rows, task.ModelSize);
        _joinedGradient = DeviceTensor.Allocate(_backend, rows, task.ModelSize);
        _logSumExp = DeviceTensor.Allocate(_backend, task.Batch, task.Heads, task.Length);
        _output = DeviceTensor.Allocate(_backend, rows, task.ModelSize);
        _inputGradient = DeviceTensor.Allocate(_backend, rows, task.ModelSize);
    }

    /// <inheritdoc/>
    public string Name => "the same calls by hand";

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run()
    {
        // In the order of PyTorch's names: in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias.
        _backend.Linear(_input, _weights[0], _weights[1], _packed);
        AttentionTensors inputs = Heads(_packed);
        AttentionTensors gradients = Heads(_packedGradient);
        using DeviceTensor joined = Heads(_joined, 0);
        using DeviceTensor joinedGradient = Heads(_joinedGradient, 0);
        _backend.AttentionForward(inputs, default(NoMask), default(NoModifier), joined, _logSumExp, default);
        _backend.Linear(_joined, _weights[2], _weights[3], _output);

        Back(_gradient, _joined, 2, _joinedGradient);
        _backend.AttentionBackward(
            inputs, default(NoMask), default(NoModifier), joined, _logSumExp, joinedGradient, gradients, default);
        Back(_packedGradient, _input, 0, _inputGradient);
    }

    /// <inheritdoc/>
    public float[] Result() => [.. _output.ToArray(), .. _inputGradient.ToArray()];

    /// <inheritdoc/>
    public void Dispose() => _layer.Dispose();

    private void Back(DeviceTensor outputGradient, DeviceTensor input, int weight, DeviceTensor inputGradient)
    {
        using DeviceTensor transposed = outputGradient.Transpose(0, 1);
        _backend.MatrixMultiply(outputGradient, _weights[weight], inputGradient);
        _backend.MatrixMultiply(transposed, input, _weightGradients[weight]);
        _backend.Sum(outputGradient, _weightGradients[weight + 1]);
    }

    private AttentionTensors Heads(DeviceTensor packed) =>
        new() { Query = Heads(packed, 0), Key = Heads(packed, 1), Value = Heads(packed, 2) };

    private DeviceTensor Heads(DeviceTensor packed, int part)
    {
        using DeviceTensor slice = packed.Slice(1, part * _task.ModelSize, _task.ModelSize);
        using DeviceTensor apart = slice.Reshape(_task.Batch, _task.Length, _task.Heads, -1);
        return apart.Transpose(1, 2);
    }
}
