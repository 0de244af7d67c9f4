using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A problem of attention with relative keys in memory, and calls of it.</summary>
internal sealed class TransformerXlMemory : IDisposable
{
    private readonly AttentionMemory _attention;
    private readonly TestOperand _relativeKey;
    private readonly TestOperand _contentBias;
    private readonly TestOperand _positionBias;
    private readonly TestOperand _relativeKeyGradient;
    private readonly TestOperand _contentBiasGradient;
    private readonly TestOperand _positionBiasGradient;

    public TransformerXlMemory(RelativeAttentionProblem<float> problem, Placement placement = Placement.Contiguous)
    {
        AttentionShape shape = problem.Attention.Shape;
        bool guarded = placement == Placement.Guarded;
        _attention = new AttentionMemory(problem.Attention, placement);
        nint[] keys = [problem.KeyTableHeads, problem.TableRows, shape.HeadSize];
        nint[] biases = [shape.Heads, shape.HeadSize];
        _relativeKey = TestOperand.Create(guarded, keys, problem.KeyTable);
        _contentBias = TestOperand.Create(guarded, biases, problem.ContentBias);
        _positionBias = TestOperand.Create(guarded, biases, problem.PositionBias);
        _relativeKeyGradient = TestOperand.Create(guarded, keys);
        _contentBiasGradient = TestOperand.Create(guarded, biases);
        _positionBiasGradient = TestOperand.Create(guarded, biases);
    }

    public AttentionMemory Attention => _attention;

    public void Forward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => TransformerXlAttention.Forward(
            _attention.Query.Read(), _attention.Key.Read(), _attention.Value.Read(), _relativeKey.Read(), _contentBias.Read(),
            _positionBias.Read(), mask, _attention.Output.Write(), _attention.LogSumExp.Write(), options);

    public void Backward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => TransformerXlAttention.Backward(
            _attention.Query.Read(), _attention.Key.Read(), _attention.Value.Read(), _relativeKey.Read(), _contentBias.Read(),
            _positionBias.Read(), mask, _attention.OutputGradient.Read(),
            _attention.LogSumExpGradient is null ? default : _attention.LogSumExpGradient.Read(), _attention.QueryGradient.Write(),
            _attention.KeyGradient.Write(), _attention.ValueGradient.Write(), _relativeKeyGradient.Write(), _contentBiasGradient.Write(),
            _positionBiasGradient.Write(), options);

    /// <summary>All results, in one order.</summary>
    public IEnumerable<(string Name, float[] Numbers)> Results()
    {
        yield return ("output", _attention.Output.Gather());
        yield return ("log-sum-exp", _attention.LogSumExp.Gather());
        yield return ("query's gradient", _attention.QueryGradient.Gather());
        yield return ("key's gradient", _attention.KeyGradient.Gather());
        yield return ("value's gradient", _attention.ValueGradient.Gather());
        yield return ("relative key's gradient", _relativeKeyGradient.Gather());
        yield return ("content bias's gradient", _contentBiasGradient.Gather());
        yield return ("position bias's gradient", _positionBiasGradient.Gather());
    }

    public void Dispose()
    {
        _attention.Dispose();
        _relativeKey.Dispose();
        _contentBias.Dispose();
        _positionBias.Dispose();
        _relativeKeyGradient.Dispose();
        _contentBiasGradient.Dispose();
        _positionBiasGradient.Dispose();
    }
}
