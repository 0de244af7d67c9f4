using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>libtorch's scaled_dot_product_attention and its gradients.</summary>
internal sealed class TorchTraining : IContender
{
    private readonly int _threads;
    private readonly bool _causal;
    private readonly Tensor[] _inputs;
    private readonly Tensor[] _outputGradient;
    private Tensor[] _results = [];

    internal TorchTraining(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        _threads = threads;
        _causal = task.Causal;
        long[] queryDimensions = [task.Batch, task.Heads, task.QueryLength, task.Size];
        long[] keyDimensions = [task.Batch, task.KeyValueHeads, task.KeyLength, task.Size];
        _inputs =
        [
            tensor(data.Query, queryDimensions, requires_grad: true),
            tensor(data.Key, keyDimensions, requires_grad: true),
            tensor(data.Value, keyDimensions, requires_grad: true),
        ];
        _outputGradient = [tensor(data.OutputGradient, queryDimensions)];
    }

    /// <inheritdoc/>
    public string Name => "scaled_dot_product_attention, autograd";

    /// <inheritdoc/>
    public void Prepare() => TorchPeer.Use(_threads, gradients: true);

    /// <inheritdoc/>
    public void Run()
    {
        DisposeAll(_results);
        Tensor output = nn.functional.scaled_dot_product_attention(_inputs[0], _inputs[1], _inputs[2], null, 0, _causal);
        IList<Tensor> gradients = autograd.grad([output], _inputs, _outputGradient);
        _results = [output, .. gradients];
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
