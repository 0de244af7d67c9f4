using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Scores and weights on request, at every stage, of all or of chosen heads and queries.</summary>
public class ScaledDotProductAttentionScoresTests
{
    private static readonly AttentionShape s_shape = new(2, 4, 2, 13, 37, 9, 7);

    public static TheoryData<string> PolicyNames => PolicyCases.Names;

    public static IEnumerable<object[]> WidthNames => Widths.All;

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void EveryStage_EqualsTheReference(string policies)
    {
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            Check(PolicyCases.Get(policies), AttentionProblems.Random(shape), default);
        }

        Check(PolicyCases.Get(policies), AttentionProblems.Random(s_shape).WithBias([2, 1, 13, 37]).WithSinks(), default);
        Check(PolicyCases.Get(policies), AttentionProblems.Random(s_shape).WithBias([1, 4, 1, 1]), new AttentionOptions { Scale = -2f });
    }

    [Theory]
    [MemberData(nameof(WidthNames))]
    public void EveryWidth_EqualsTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            Check(PolicyCases.Get("causal"), AttentionProblems.Random(shape).WithSinks(), new AttentionOptions { Width = width });
        }
    }

    [Theory]
    [InlineData(ScoreStage.Raw)]
    [InlineData(ScoreStage.Modified)]
    [InlineData(ScoreStage.Masked)]
    [InlineData(ScoreStage.Weights)]
    public void ChosenHeadsAndQueries_AreThoseOfAll(ScoreStage stage)
    {
        using AttentionMemory memory = new(AttentionProblems.Random(s_shape).WithBias([1, 4, 13, 37]).WithSinks());
        PolicyCase policies = PolicyCases.Get("causal with ALiBi");
        float[] all = policies.Scores(memory, stage, [], [], logSumExp: false);
        int[] heads = [3, 0];
        int[] queries = [12, 5, 5];
        float[] expected =
        [
            .. from batch in Enumerable.Range(0, s_shape.Batch)
               from head in heads
               from query in queries
               from key in Enumerable.Range(0, s_shape.KeyLength)
               select all[(((((batch * s_shape.Heads) + head) * s_shape.QueryLength) + query) * s_shape.KeyLength) + key],
        ];

        Tolerance.SameBits("scores", policies.Scores(memory, stage, heads, queries, logSumExp: false), expected);
    }

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void Weights_FromTheLogSumExp_AreTheWeights(string policies)
    {
        AttentionProblem<float> problem = PolicyCases.Get(policies).Apply(AttentionProblems.Random(s_shape).WithSinks());
        using AttentionMemory memory = new(problem);
        PolicyCases.Get(policies).Forward(memory);
        AttentionResult<double> reference = ReferenceAttention.Forward(problem, withScores: true);

        float[] weights = PolicyCases.Get(policies).Scores(memory, ScoreStage.Weights, [], [], logSumExp: true);

        Tolerance.Golden("weights", weights, reference.Weights);
    }

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void Weights_SumToOne_OrToZeroWhereNothingIsAllowed(string policies)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(2, 2, 1, 61, 257, 16, 9));
        using AttentionMemory memory = new(problem);
        PolicyCases.Get(policies).Forward(memory);

        float[] weights = PolicyCases.Get(policies).Scores(memory, ScoreStage.Weights, [], [], logSumExp: false);

        weights.Should().OnlyContain(weight => weight >= 0 && weight <= 1);
        double[] expected = [.. memory.LogSumExp.Gather().Select(sum => float.IsNegativeInfinity(sum) ? 0.0 : 1.0)];
        float[] sums = [.. weights.Chunk(problem.Shape.KeyLength).Select(row => (float)row.Sum(weight => (double)weight))];
        Tolerance.Golden("sums of rows", sums, expected);
    }

    [Fact]
    public void Weights_OfAMask_IsTheShortForm()
    {
        using AttentionMemory memory = new(AttentionProblems.Random(s_shape));
        float[] expected = PolicyCases.Get("causal top left").Scores(memory, ScoreStage.Weights, [], [], logSumExp: false);
        using TestOperand weights = TestOperand.Create(guarded: true, s_shape.ScoreLengths);

        ScaledDotProductAttention.Weights(memory.Query.Read(), memory.Key.Read(), CausalMask.TopLeft, weights.Write());

        Tolerance.SameBits("weights", weights.Gather(), expected);
    }

    private static void Check(PolicyCase policies, AttentionProblem<float> problem, AttentionOptions options)
    {
        problem = policies.Apply(problem) with { Scale = options.Scale };
        AttentionResult<double> reference = ReferenceAttention.Forward(problem, withScores: true);
        AttentionResult<float> plain = FloatLoopAttention.Forward(problem, withScores: true);
        Sensitivity sensitivity = reference.Sensitivity;
        using AttentionMemory memory = new(problem);

        Compare(ScoreStage.Raw, reference.Raw, plain.Raw, sensitivity.Scores);
        Compare(ScoreStage.Modified, reference.Modified, plain.Modified, sensitivity.Scores);
        Compare(ScoreStage.Masked, reference.Masked, plain.Masked, sensitivity.Scores);
        Compare(ScoreStage.Weights, reference.Weights, plain.Weights, sensitivity.Weights);

        void Compare(ScoreStage stage, double[] expected, float[] yardstick, double floor) => Tolerance.Mechanism(
            $"{stage} of '{policies}' {problem.Shape} {options.Width}",
            policies.Scores(memory, stage, [], [], logSumExp: false, options),
            expected,
            yardstick,
            floor,
            problem.Shape.RowCount);
    }
}
