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

    public override float[] Scores(
        AttentionMemory memory, ScoreStage stage, int[] heads, int[] queries, bool logSumExp, in AttentionOptions options = default)
    {
        AttentionShape shape = memory.Problem.Shape;
        int headCount = heads.Length == 0 ? shape.Heads : heads.Length;
        int queryCount = queries.Length == 0 ? shape.QueryLength : queries.Length;
        using TestOperand scores = TestOperand.Create(guarded: true, [shape.Batch, headCount, queryCount, shape.KeyLength]);
        ScaledDotProductAttention.Scores(
            memory.Query.Read(),
            memory.Key.Read(),
            mask(shape),
            modifier(shape),
            memory.Terms,
            logSumExp ? memory.LogSumExp.Read() : default,
            stage,
            heads,
            queries,
            scores.Write(),
            options);
        return scores.Gather();
    }
}
