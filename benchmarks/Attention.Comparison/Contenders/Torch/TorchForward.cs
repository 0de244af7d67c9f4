using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>libtorch's scaled_dot_product_attention without gradients.</summary>
internal sealed class TorchForward : IContender
{
    private readonly int _threads;
    private readonly bool _causal;
    private readonly Tensor _query;
    private readonly Tensor _key;
    private readonly Tensor _value;
    private readonly Tensor? _bias;
    private Tensor? _output;

    internal TorchForward(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        _threads = threads;
        _causal = task.Causal;

        // TorchSharp's binding has no grouped heads. For a single query the heads of a group are the same work as that
        // many queries of one head, so nothing needs to be repeated.
        bool grouped = task.KeyValueHeads != task.Heads;
        if (grouped && task.QueryLength != 1)
        {
            throw new NotSupportedException("TorchSharp's scaled_dot_product_attention has no grouped heads");
        }

        long queryHeads = grouped ? task.KeyValueHeads : task.Heads;
        long queryLength = (long)task.Heads * task.QueryLength / queryHeads;
        long[] keyDimensions = [task.Batch, task.KeyValueHeads, task.KeyLength, task.Size];
        _query = tensor(data.Query, [task.Batch, queryHeads, queryLength, task.Size]);
        _key = tensor(data.Key, keyDimensions);
        _value = tensor(data.Value, keyDimensions);
        _bias = task.Bias ? tensor(data.Bias, [1, task.Heads, task.QueryLength, task.KeyLength]) : null;
    }

    /// <inheritdoc/>
    public string Name => "scaled_dot_product_attention";

    /// <inheritdoc/>
    public void Prepare() => TorchPeer.Use(_threads, gradients: false);

    /// <inheritdoc/>
    public void Run()
    {
        _output?.Dispose();
        _output = nn.functional.scaled_dot_product_attention(_query, _key, _value, _bias, 0, _causal);
    }

    /// <inheritdoc/>
    public float[] Result() => _output!.data<float>().ToArray();

    /// <inheritdoc/>
    public void Dispose()
    {
        _query.Dispose();
        _key.Dispose();
        _value.Dispose();
        _bias?.Dispose();
        _output?.Dispose();
    }
}
