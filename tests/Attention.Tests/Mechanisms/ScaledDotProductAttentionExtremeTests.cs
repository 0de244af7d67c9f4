using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Large, tiny and non-finite numbers, and the accuracy promised for long rows.</summary>
public class ScaledDotProductAttentionExtremeTests
{
    public static TheoryData<int, float> Accuracies
    {
        get
        {
            TheoryData<int, float> cases = [];
            foreach (int length in new[] { 64, 256, 1024, 4096 })
            {
                cases.Add(length, 1f);
                cases.Add(length, 1e4f);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Accuracies))]
    public void Accuracy_IsThatOfAPlainLoop(int keyLength, float queryFactor)
    {
        AttentionProblem<float> problem =
            AttentionProblems.Random(new AttentionShape(1, 1, 1, 24, keyLength, 64, 64), seed: keyLength, queryFactor).WithLogSumExpGradient();

        Compare.Backward(PolicyCases.Get("none"), problem);
        Compare.Forward(PolicyCases.Get("none"), problem);
        Compare.Forward(PolicyCases.Get("causal"), problem);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("causal")]
    [InlineData("soft cap")]
    [InlineData("checkerboard of a user")]
    public void ScoresOfTenThousand_DoNotOverflow(string policies)
    {
        foreach (AttentionShape shape in ShapeCases.Ragged.Take(10))
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape, queryFactor: 1e4f);
            Compare.Forward(PolicyCases.Get(policies), problem);

            // Up to four queries forward sums its products in another order than backward, so that a weight there may be off by
            // what rounding does to a score of this size; the plain loop's weight of 1 is exact.
            if (shape.QueryLength > 4)
            {
                Compare.Backward(PolicyCases.Get(policies), problem);
            }
        }
    }

    [Fact]
    public void HugeQueries_GiveTheValueOfTheLargestScore()
    {
        AttentionShape shape = new(1, 2, 1, 13, 37, 9, 7);
        AttentionProblem<float> problem = AttentionProblems.Random(shape, queryFactor: 1e30f);

        Compare.Forward(PolicyCases.Get("none"), problem);
        Compare.Backward(PolicyCases.Get("none"), problem with { OutputGradient = Scaled(problem.OutputGradient!, 1e-20f) });
    }

    [Fact]
    public void HugeValues_StayFinite()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 13, 37, 9, 7));
        AttentionProblem<float> huge = problem with { Value = Scaled(problem.Value, 1e30f) };

        Compare.Forward(PolicyCases.Get("none"), huge);
        Compare.Backward(PolicyCases.Get("none"), huge with { OutputGradient = Scaled(problem.OutputGradient!, 1e-20f) });
    }

    [Fact]
    public void Denormals_AreNumbers()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 13, 37, 9, 7));
        AttentionProblem<float> tiny = problem with { Query = Scaled(problem.Query, 1e-40f), Value = Scaled(problem.Value, 1e-40f) };

        Compare.Forward(PolicyCases.Get("none"), tiny);
        Compare.Backward(PolicyCases.Get("none"), tiny);
    }

    [Fact]
    public void NaN_InAQuery_IsThatRowAlone()
    {
        foreach (AttentionShape shape in new AttentionShape[] { new(1, 1, 1, 33, 97, 8, 5), new(1, 1, 1, 2, 1301, 8, 5) })
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape);
            problem.Query[shape.HeadSize + 3] = float.NaN;

            Compare.Forward(PolicyCases.Get("none"), problem);
            Compare.Forward(PolicyCases.Get("causal"), problem);
            Compare.Forward(PolicyCases.Get("soft cap"), problem);
        }
    }

    [Fact]
    public void NaN_InAKey_IsEveryRowThatMayAttendToIt()
    {
        foreach (AttentionShape shape in new AttentionShape[] { new(1, 1, 1, 33, 97, 8, 5), new(1, 1, 1, 2, 1301, 8, 5) })
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape);
            problem.Key[((shape.KeyLength - shape.QueryLength) * shape.HeadSize) + 1] = float.NaN;

            Compare.Forward(PolicyCases.Get("none"), problem);
            Compare.Forward(PolicyCases.Get("causal"), problem);
            Compare.Forward(PolicyCases.Get("window"), problem);
            Compare.Forward(PolicyCases.Get("checkerboard of a user"), problem);
        }
    }

    [Fact]
    public void NaN_InAValue_IsThatColumnOfEveryRowThatMayAttendToIt()
    {
        foreach (AttentionShape shape in new AttentionShape[] { new(1, 1, 1, 33, 97, 8, 5), new(1, 1, 1, 2, 1301, 8, 5) })
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape);
            problem.Value[((shape.KeyLength - shape.QueryLength) * shape.ValueSize) + 1] = float.NaN;

            Compare.Forward(PolicyCases.Get("none"), problem);
            Compare.Forward(PolicyCases.Get("causal"), problem);
            Compare.Forward(PolicyCases.Get("checkerboard of a user"), problem);
        }
    }

    [Fact]
    public void PositiveInfinity_AsABias_IsNaN()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 1, 1, 9, 17, 8, 5)).WithBias([1, 1, 9, 17]);
        problem.Bias![20] = float.PositiveInfinity;

        Compare.Forward(PolicyCases.Get("none"), problem);
    }

    private static float[] Scaled(float[] numbers, float factor) => Array.ConvertAll(numbers, number => number * factor);
}
