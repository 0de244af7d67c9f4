using System.Numerics.Tensors;
using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>Additive attention, forward or forward and backward; the first value serves as the score vector.</summary>
internal sealed class OwnAdditive(AttentionData data, int threads) : IContender
{
    private readonly AttentionOptions _options = new() { MaxDegreeOfParallelism = threads };
    private readonly float[] _vector = data.Value[..data.Task.Size];
    private readonly float[] _output = new float[data.Task.QueryCount];
    private readonly float[] _queryGradient = new float[data.Task.QueryCount];
    private readonly float[] _keyGradient = new float[data.Task.KeyCount];
    private readonly float[] _vectorGradient = new float[data.Task.Size];
    private readonly float[] _valueGradient = new float[data.Task.KeyCount];
    private readonly nint[] _queryShape = [data.Task.Batch, data.Task.Heads, data.Task.QueryLength, data.Task.Size];
    private readonly nint[] _keyShape = [data.Task.Batch, data.Task.KeyValueHeads, data.Task.KeyLength, data.Task.Size];

    /// <inheritdoc/>
    public string Name => "AdditiveAttention";

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run()
    {
        var query = new ReadOnlyTensorSpan<float>(data.Query, _queryShape);
        var key = new ReadOnlyTensorSpan<float>(data.Key, _keyShape);
        var vector = new ReadOnlyTensorSpan<float>(_vector);
        var value = new ReadOnlyTensorSpan<float>(data.Value, _keyShape);
        AdditiveAttention.Forward(query, key, vector, value, default(NoMask), new TensorSpan<float>(_output, _queryShape), default, _options);
        if (data.Task.Training)
        {
            AdditiveAttention.Backward(
                query, key, vector, value, default(NoMask), new ReadOnlyTensorSpan<float>(data.OutputGradient, _queryShape),
                new TensorSpan<float>(_queryGradient, _queryShape), new TensorSpan<float>(_keyGradient, _keyShape),
                new TensorSpan<float>(_vectorGradient), new TensorSpan<float>(_valueGradient, _keyShape), _options);
        }
    }

    /// <inheritdoc/>
    public float[] Result() => data.Task.Training
        ? [.. _output, .. _queryGradient, .. _keyGradient, .. _vectorGradient, .. _valueGradient]
        : _output;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
