using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A problem of additive attention in memory, and calls of it.</summary>
internal sealed class AdditiveMemory : IDisposable
{
    private readonly AttentionMemory _attention;
    private readonly TestOperand _scoreVector;
    private readonly TestOperand _weights;

    public AdditiveMemory(AdditiveAttentionProblem<float> problem, Placement placement = Placement.Contiguous)
    {
        bool guarded = placement == Placement.Guarded;
        AttentionShape shape = problem.Attention.Shape;
        _attention = new AttentionMemory(problem.Attention, placement);
        _scoreVector = TestOperand.Create(guarded, [shape.HeadSize], problem.ScoreVector);
        _weights = TestOperand.Create(guarded, shape.ScoreLengths);
        ScoreVectorGradient = TestOperand.Create(guarded, [shape.HeadSize]);
    }

    public AttentionMemory Attention => _attention;

    public TestOperand ScoreVectorGradient { get; }

    public void Forward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => AdditiveAttention.Forward(
            _attention.Query.Read(), _attention.Key.Read(), _scoreVector.Read(), _attention.Value.Read(), mask, _attention.Output.Write(),
            _attention.LogSumExp.Write(), options);

    public void Weights<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => AdditiveAttention.Weights(
            _attention.Query.Read(), _attention.Key.Read(), _scoreVector.Read(), mask, _weights.Write(), options);

    public void Backward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => AdditiveAttention.Backward(
            _attention.Query.Read(), _attention.Key.Read(), _scoreVector.Read(), _attention.Value.Read(), mask, _attention.Output.Read(),
            _attention.LogSumExp.Read(), _attention.OutputGradient.Read(), _attention.QueryGradient.Write(), _attention.KeyGradient.Write(),
            ScoreVectorGradient.Write(), _attention.ValueGradient.Write(), options);

    /// <summary>Forward, weights and backward.</summary>
    public AdditiveMemory Run<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        Forward(mask, options);
        Weights(mask, options);
        Backward(mask, options);
        return this;
    }

    /// <summary>All results, in one order; the last is a sum over the batch.</summary>
    public IEnumerable<(string Name, float[] Numbers)> Results()
    {
        yield return ("output", _attention.Output.Gather());
        yield return ("log-sum-exp", _attention.LogSumExp.Gather());
        yield return ("weights", _weights.Gather());
        yield return ("query's gradient", _attention.QueryGradient.Gather());
        yield return ("key's gradient", _attention.KeyGradient.Gather());
        yield return ("value's gradient", _attention.ValueGradient.Gather());
        yield return ("score vector's gradient", ScoreVectorGradient.Gather());
    }

    public void Dispose()
    {
        _attention.Dispose();
        _scoreVector.Dispose();
        _weights.Dispose();
        ScoreVectorGradient.Dispose();
    }
}
