using System.Numerics.Tensors;
using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's additive attention, called as a user calls it.</summary>
internal sealed class OwnAdditive(AdditiveData data, int threads) : IContender
{
    private readonly AttentionOptions _options = new() { MaxDegreeOfParallelism = threads };
    private readonly float[] _output = new float[data.OutputGradient.Length];
    private readonly float[] _logSumExp = new float[data.Task.QueryLength];
    private readonly float[] _queryGradient = new float[data.Query.Length];
    private readonly float[] _keyGradient = new float[data.Key.Length];
    private readonly float[] _scoreVectorGradient = new float[data.ScoreVector.Length];
    private readonly float[] _valueGradient = new float[data.Value.Length];
    private readonly nint[] _queryShape = [1, 1, data.Task.QueryLength, data.Task.HiddenSize];
    private readonly nint[] _keyShape = [1, 1, data.Task.KeyLength, data.Task.HiddenSize];
    private readonly nint[] _valueShape = [1, 1, data.Task.KeyLength, data.Task.ValueSize];
    private readonly nint[] _outputShape = [1, 1, data.Task.QueryLength, data.Task.ValueSize];
    private readonly nint[] _rowShape = [1, 1, data.Task.QueryLength];
    private readonly nint[] _vectorShape = [data.Task.HiddenSize];

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
        var scoreVector = new ReadOnlyTensorSpan<float>(data.ScoreVector, _vectorShape);
        var value = new ReadOnlyTensorSpan<float>(data.Value, _valueShape);
        var output = new TensorSpan<float>(_output, _outputShape);
        var logSumExp = new TensorSpan<float>(_logSumExp, _rowShape);
        AdditiveAttention.Forward(query, key, scoreVector, value, default(NoMask), output, logSumExp, _options);
        if (data.Task.Training)
        {
            AdditiveAttention.Backward(
                query,
                key,
                scoreVector,
                value,
                default(NoMask),
                output,
                logSumExp,
                new ReadOnlyTensorSpan<float>(data.OutputGradient, _outputShape),
                new TensorSpan<float>(_queryGradient, _queryShape),
                new TensorSpan<float>(_keyGradient, _keyShape),
                new TensorSpan<float>(_scoreVectorGradient, _vectorShape),
                new TensorSpan<float>(_valueGradient, _valueShape),
                _options);
        }
    }

    /// <inheritdoc/>
    public float[] Result() =>
        data.Task.Training ? [.. _output, .. _queryGradient, .. _keyGradient, .. _scoreVectorGradient, .. _valueGradient] : _output;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
