using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>
/// The backward pass against the double reference, which is itself held to finite differences: shapes, policies, widths,
/// placements, and the gradients of every input.
/// </summary>
public class ScaledDotProductAttentionBackwardTests
{
    public static TheoryData<string> PolicyNames => PolicyCases.Names;

    public static IEnumerable<object[]> WidthNames => Widths.All;

    public static TheoryData<int[]> BiasShapes => ScaledDotProductAttentionForwardTests.BiasShapes;

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void Policies_OverAllShapes(string policies)
    {
        for (int i = 0; i < ShapeCases.All.Count; i++)
        {
            Compare.Backward(PolicyCases.Get(policies), AttentionProblems.Random(ShapeCases.All[i]), (Placement)(i % 2));
        }
    }

    [Theory]
    [MemberData(nameof(WidthNames))]
    public void Widths_OverAllShapes(SimdWidth width)
    {
        for (int i = 0; i < ShapeCases.All.Count; i++)
        {
            AttentionProblem<float> problem = AttentionProblems.Random(ShapeCases.All[i]);
            Compare.Backward(PolicyCases.Get("none"), problem, (Placement)((i + 1) % 2), new AttentionOptions { Width = width });
            Compare.Backward(PolicyCases.Get("causal"), problem, (Placement)(i % 2), new AttentionOptions { Width = width });
        }
    }

    [Theory]
    [MemberData(nameof(WidthNames))]
    public void Widths_OverPolicies(SimdWidth width)
    {
        foreach (string name in new[] { "window", "dense", "sparse rows of a user", "soft cap", "quadratic of a user" })
        {
            foreach (AttentionShape shape in ShapeCases.Few)
            {
                Compare.Backward(PolicyCases.Get(name), AttentionProblems.Random(shape), options: new AttentionOptions { Width = width });
            }
        }
    }

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void LogSumExpGradient_FlowsThroughTheScores(string policies)
    {
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            Compare.Backward(PolicyCases.Get(policies), AttentionProblems.Random(shape).WithLogSumExpGradient());
        }
    }

    [Theory]
    [MemberData(nameof(BiasShapes))]
    public void Bias_GradientIsSummedOverBroadcastAxes(int[] biasShape)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(2, 4, 2, 13, 37, 17, 9)).WithBias(biasShape);

        foreach (string policies in new[] { "none", "causal", "soft cap", "checkerboard of a user" })
        {
            Compare.Backward(PolicyCases.Get(policies), problem);
            Compare.Backward(PolicyCases.Get(policies), problem.WithLogSumExpGradient().WithSinks());
        }
    }

    [Theory]
    [MemberData(nameof(BiasShapes))]
    public void Bias_GradientOverSeveralTiles(int[] biasShape)
    {
        AttentionShape shape = new(2, 4, 2, 201, 353, 8, 8);
        int[] larger = [biasShape[0], biasShape[1], biasShape[2] == 1 ? 1 : shape.QueryLength, biasShape[3] == 1 ? 1 : shape.KeyLength];

        Compare.Backward(PolicyCases.Get("causal"), AttentionProblems.Random(shape).WithBias(larger));
    }

    [Fact]
    public void Bias_OfNegativeInfinity_HasNoGradient()
    {
        AttentionShape shape = new(2, 2, 1, 17, 67, 9, 9);
        AttentionProblem<float> problem = AttentionProblems.Random(shape).WithBias([1, 2, 17, 67]);
        for (int i = 0; i < problem.Bias!.Length; i++)
        {
            bool emptyRow = i / shape.KeyLength % 5 == 2;
            problem.Bias[i] = emptyRow || i % 3 == 0 ? float.NegativeInfinity : problem.Bias[i];
        }

        Compare.Backward(PolicyCases.Get("none"), problem);
        Compare.Backward(PolicyCases.Get("causal"), problem.WithSinks().WithLogSumExpGradient());
    }

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void Sinks_HaveAGradient(string policies)
    {
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            Compare.Backward(PolicyCases.Get(policies), AttentionProblems.Random(shape).WithSinks());
            Compare.Backward(PolicyCases.Get(policies), AttentionProblems.Random(shape).WithSinks().WithLogSumExpGradient());
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    [InlineData(-0.5f)]
    [InlineData(1e-6f)]
    [InlineData(30f)]
    [InlineData(-300f)]
    public void Scale_MayBeAnyFiniteNumber(float scale)
    {
        foreach (string policies in new[] { "none", "causal", "soft cap", "dense" })
        {
            AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 19, 83, 16, 24));
            Compare.Backward(PolicyCases.Get(policies), problem, options: new AttentionOptions { Scale = scale });
            Compare.Backward(PolicyCases.Get(policies), problem.WithBias([1, 2, 1, 83]), options: new AttentionOptions { Scale = scale });
        }
    }
}
