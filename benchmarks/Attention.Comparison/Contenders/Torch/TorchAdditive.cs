using Attention.Comparison.Work;
using TorchSharp;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>Additive attention composed of libtorch's functions, which has none of its own: <c>softmax((Q + K).tanh() v) V</c>.</summary>
internal sealed class TorchAdditive : IContender
{
    private readonly int _threads;
    private readonly bool _training;
    private readonly Tensor[] _inputs;
    private readonly Tensor[] _outputGradient;
    private Tensor[] _results = [];

    internal TorchAdditive(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        _threads = threads;
        _training = task.Training;
        long[] queryDimensions = [task.Batch, task.Heads, task.QueryLength, task.Size];
        long[] keyDimensions = [task.Batch, task.KeyValueHeads, task.KeyLength, task.Size];
        _inputs =
        [
            tensor(data.Query, queryDimensions, requires_grad: _training),
            tensor(data.Key, keyDimensions, requires_grad: _training),
            tensor(data.Value[..task.Size], [task.Size], requires_grad: _training),
            tensor(data.Value, keyDimensions, requires_grad: _training),
        ];
        _outputGradient = _training ? [tensor(data.OutputGradient, queryDimensions)] : [];
    }

    /// <inheritdoc/>
    public string Name => "tanh, matmul, softmax, matmul";

    /// <inheritdoc/>
    public void Prepare() => TorchPeer.Use(_threads, gradients: _training);

    /// <inheritdoc/>
    public void Run()
    {
        DisposeAll(_results);
        using DisposeScope scope = NewDisposeScope();
        Tensor tanh = (_inputs[0].unsqueeze(3) + _inputs[1].unsqueeze(2)).tanh();
        Tensor output = tanh.matmul(_inputs[2]).softmax(-1).matmul(_inputs[3]);
        _results = _training ? [output, .. autograd.grad([output], _inputs, _outputGradient)] : [output];
        foreach (Tensor result in _results)
        {
            result.DetachFromDisposeScope();
        }
    }

    /// <inheritdoc/>
    public float[] Result() => [.. _results.SelectMany(result => result.detach().contiguous().data<float>().ToArray())];

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeAll(_inputs);
        DisposeAll(_outputGradient);
        DisposeAll(_results);
    }

    private static void DisposeAll(Tensor[] tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            tensor.Dispose();
        }
    }
}
