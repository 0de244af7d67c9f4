using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A problem of attention to windows in memory, and calls of it.</summary>
internal sealed class LocalMemory : IDisposable
{
    private readonly AttentionMemory _attention;
    private readonly LocalWindow _window;

    public LocalMemory(LocalAttentionProblem<float> problem, Placement placement = Placement.Contiguous)
    {
        AttentionShape shape = problem.Attention.Shape;
        bool guarded = placement == Placement.Guarded;
        _attention = new AttentionMemory(problem.Attention, placement);
        _window = new LocalWindow(problem.HalfWidth, problem.IsGaussian) { KeyLengths = problem.KeyLengths };
        Position = TestOperand.Create(guarded, [shape.Batch, shape.QueryLength], problem.Position);
        PositionGradient = TestOperand.Create(guarded, [shape.Batch, shape.QueryLength]);
        Weights = TestOperand.Create(guarded, shape.ScoreLengths);
    }

    public AttentionMemory Attention => _attention;

    public TestOperand Position { get; }

    public TestOperand PositionGradient { get; }

    public TestOperand Weights { get; }

    public void Forward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => LocalAttention.Forward(
            _attention.Query.Read(), _attention.Key.Read(), _attention.Value.Read(), Position.Read(), _window, mask,
            _attention.Output.Write(), _attention.LogSumExp.Write(), options);

    public void ComputeWeights<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => LocalAttention.Weights(
            _attention.Query.Read(), _attention.Key.Read(), Position.Read(), _window, mask, Weights.Write(), options);

    public void Backward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => LocalAttention.Backward(
            _attention.Query.Read(), _attention.Key.Read(), _attention.Value.Read(), Position.Read(), _window, mask,
            _attention.OutputGradient.Read(), _attention.LogSumExpGradient is null ? default : _attention.LogSumExpGradient.Read(),
            _attention.QueryGradient.Write(), _attention.KeyGradient.Write(), _attention.ValueGradient.Write(), PositionGradient.Write(),
            options);

    /// <summary>Runs everything.</summary>
    public void Run<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        Forward(mask, options);
        ComputeWeights(mask, options);
        Backward(mask, options);
    }

    /// <summary>All results, in one order.</summary>
    public IEnumerable<(string Name, float[] Numbers)> Results()
    {
        yield return ("output", _attention.Output.Gather());
        yield return ("log-sum-exp", _attention.LogSumExp.Gather());
        yield return ("weights", Weights.Gather());
        yield return ("query's gradient", _attention.QueryGradient.Gather());
        yield return ("key's gradient", _attention.KeyGradient.Gather());
        yield return ("value's gradient", _attention.ValueGradient.Gather());
        yield return ("position's gradient", PositionGradient.Gather());
    }

    public void Dispose()
    {
        _attention.Dispose();
        Position.Dispose();
        PositionGradient.Dispose();
        Weights.Dispose();
    }
}
