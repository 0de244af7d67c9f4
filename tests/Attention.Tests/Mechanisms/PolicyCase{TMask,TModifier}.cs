using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <inheritdoc/>
internal sealed class PolicyCase<TMask, TModifier>(
    string name,
    Func<AttentionShape, TMask> mask,
    Func<AttentionShape, TModifier> modifier,
    Func<AttentionShape, ReferenceMask?> referenceMask,
    Func<AttentionShape, ReferenceModifier?> referenceModifier) : PolicyCase(name)
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
{
    public override AttentionProblem<float> Apply(AttentionProblem<float> problem) =>
        problem with { Mask = referenceMask(problem.Shape), Modifier = referenceModifier(problem.Shape) };

    public override void Forward(AttentionMemory memory, in AttentionOptions options = default)
    {
        AttentionShape shape = memory.Problem.Shape;
        ScaledDotProductAttention.Forward(
            memory.Query.Read(),
            memory.Key.Read(),
            memory.Value.Read(),
            mask(shape),
            modifier(shape),
            memory.Terms,
            memory.Output.Write(),
            memory.LogSumExp.Write(),
            options);
    }

    public override void Backward(AttentionMemory memory, in AttentionOptions options = default)
    {
        AttentionShape shape = memory.Problem.Shape;
        ScaledDotProductAttention.Backward(
            memory.Query.Read(),
            memory.Key.Read(),
            memory.Value.Read(),
            mask(shape),
            modifier(shape),
            memory.Terms,
            memory.Output.Read(),
            memory.LogSumExp.Read(),
            memory.OutputGradient.Read(),
            memory.LogSumExpGradient is null ? default : memory.LogSumExpGradient.Read(),
            memory.QueryGradient.Write(),
            memory.KeyGradient.Write(),
            memory.ValueGradient.Write(),
            memory.TermGradients,
            options);
    }

    public override float[] Scores(AttentionMemory memory, ScoreStage stage, in AttentionOptions options = default)
    {
        AttentionShape shape = memory.Problem.Shape;
        using TestOperand scores = TestOperand.Create(guarded: true, shape.ScoreLengths);
        ScaledDotProductAttention.Scores(
            memory.Query.Read(),
            memory.Key.Read(),
            mask(shape),
            modifier(shape),
            memory.Terms,
            stage,
            [],
            [],
            scores.Write(),
            options);
        return scores.Gather();
    }
}
