using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>Additive attention as libtorch's users compose it; it has no operator of its own.</summary>
internal sealed class TorchAdditive : IContender
{
    private readonly int _threads;
    private readonly bool _isTraining;
    private readonly Tensor[] _inputs;
    private readonly Tensor[] _outputGradient;
    private Tensor[] _results = [];

    internal TorchAdditive(AdditiveData data, int threads)
    {
        AdditiveTask task = data.Task;
        _threads = threads;
        _isTraining = task.Training;
        _inputs =
        [
            tensor(data.Query, [task.QueryLength, 1, task.HiddenSize], requires_grad: _isTraining),
            tensor(data.Key, [1, task.KeyLength, task.HiddenSize], requires_grad: _isTraining),
            tensor(data.ScoreVector, [task.HiddenSize], requires_grad: _isTraining),
            tensor(data.Value, [task.KeyLength, task.ValueSize], requires_grad: _isTraining),
        ];
        _outputGradient = [tensor(data.OutputGradient, [task.QueryLength, task.ValueSize])];
    }

    /// <inheritdoc/>
    public string Name => "(query + key).tanh().matmul(score), softmax, matmul";

    /// <inheritdoc/>
    public void Prepare() => TorchPeer.Use(_threads, gradients: _isTraining);

    /// <inheritdoc/>
    public void Run()
    {
        DisposeAll(_results);
        using Tensor sums = _inputs[0].add(_inputs[1]);
        using Tensor hidden = sums.tanh();
        using Tensor scores = hidden.matmul(_inputs[2]);
        using Tensor weights = scores.softmax(-1);
        Tensor output = weights.matmul(_inputs[3]);
        _results = _isTraining ? [output, .. autograd.grad([output], _inputs, _outputGradient)] : [output];
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
