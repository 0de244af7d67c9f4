using System.Numerics.Tensors;
using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's forward pass, called as a user calls it.</summary>
internal sealed class OwnForward<TMask, TModifier> : IContender
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
{
    private readonly AttentionData _data;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly AttentionOptions _options;
    private readonly float[] _output;
    private readonly nint[] _queryShape;
    private readonly nint[] _keyShape;
    private readonly nint[] _biasShape;

    internal OwnForward(AttentionData data, TMask mask, TModifier modifier, int threads)
    {
        AttentionTask task = data.Task;
        _data = data;
        _mask = mask;
        _modifier = modifier;
        _options = new AttentionOptions { MaxDegreeOfParallelism = threads };
        _output = new float[task.QueryCount];
        _queryShape = [task.Batch, task.Heads, task.QueryLength, task.Size];
        _keyShape = [task.Batch, task.KeyValueHeads, task.KeyLength, task.Size];
        _biasShape = [1, task.Heads, task.QueryLength, task.KeyLength];
    }

    /// <inheritdoc/>
    public string Name => "ScaledDotProductAttention.Forward";

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run() => ScaledDotProductAttention.Forward(
        new ReadOnlyTensorSpan<float>(_data.Query, _queryShape),
        new ReadOnlyTensorSpan<float>(_data.Key, _keyShape),
        new ReadOnlyTensorSpan<float>(_data.Value, _keyShape),
        _mask,
        _modifier,
        _data.Task.Bias ? new ScoreTerms { Bias = new ReadOnlyTensorSpan<float>(_data.Bias, _biasShape) } : default,
        new TensorSpan<float>(_output, _queryShape),
        default,
        _options);

    /// <inheritdoc/>
    public float[] Result() => _output;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
