using System.Numerics.Tensors;
using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's forward and backward pass, called as a user calls them.</summary>
internal sealed class OwnTraining<TMask>(AttentionData data, TMask mask, int threads) : IContender
    where TMask : struct, IAttentionMask
{
    private readonly AttentionOptions _options = new() { MaxDegreeOfParallelism = threads };
    private readonly float[] _output = new float[data.Task.QueryCount];
    private readonly float[] _logSumExp = new float[data.Task.QueryCount / data.Task.Size];
    private readonly float[] _queryGradient = new float[data.Task.QueryCount];
    private readonly float[] _keyGradient = new float[data.Task.KeyCount];
    private readonly float[] _valueGradient = new float[data.Task.KeyCount];
    private readonly nint[] _queryShape = [data.Task.Batch, data.Task.Heads, data.Task.QueryLength, data.Task.Size];
    private readonly nint[] _keyShape = [data.Task.Batch, data.Task.KeyValueHeads, data.Task.KeyLength, data.Task.Size];
    private readonly nint[] _rowShape = [data.Task.Batch, data.Task.Heads, data.Task.QueryLength];

    /// <inheritdoc/>
    public string Name => "ScaledDotProductAttention.Forward and Backward";

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run()
    {
        var query = new ReadOnlyTensorSpan<float>(data.Query, _queryShape);
        var key = new ReadOnlyTensorSpan<float>(data.Key, _keyShape);
        var value = new ReadOnlyTensorSpan<float>(data.Value, _keyShape);
        var output = new TensorSpan<float>(_output, _queryShape);
        var logSumExp = new TensorSpan<float>(_logSumExp, _rowShape);
        ScaledDotProductAttention.Forward(query, key, value, mask, default(NoModifier), default, output, logSumExp, _options);
        ScaledDotProductAttention.Backward(
            query,
            key,
            value,
            mask,
            output,
            logSumExp,
            new ReadOnlyTensorSpan<float>(data.OutputGradient, _queryShape),
            new TensorSpan<float>(_queryGradient, _queryShape),
            new TensorSpan<float>(_keyGradient, _keyShape),
            new TensorSpan<float>(_valueGradient, _keyShape),
            _options);
    }

    /// <inheritdoc/>
    public float[] Result() => [.. _output, .. _queryGradient, .. _keyGradient, .. _valueGradient];

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
