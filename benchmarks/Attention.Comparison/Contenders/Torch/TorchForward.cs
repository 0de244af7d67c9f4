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
        AttentionShape shape = data.Shape;
        _threads = threads;
        _causal = shape.Causal;

        // TorchSharp's binding has no grouped heads. For a single query the heads of a group are the same work as that
        // many queries of one head, so nothing needs to be repeated.
        bool grouped = shape.KeyValueHeads != shape.Heads;
        if (grouped && shape.QueryLength != 1)
        {
            throw new NotSupportedException("TorchSharp's scaled_dot_product_attention has no grouped heads");
        }

        long queryHeads = grouped ? shape.KeyValueHeads : shape.Heads;
        long queryLength = (long)shape.Heads * shape.QueryLength / queryHeads;
        long[] keyDimensions = [shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.Size];
        _query = tensor(data.Query, [shape.Batch, queryHeads, queryLength, shape.Size]);
        _key = tensor(data.Key, keyDimensions);
        _value = tensor(data.Value, keyDimensions);
        _bias = shape.Bias ? tensor(data.Bias, [1, shape.Heads, shape.QueryLength, shape.KeyLength]) : null;
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
