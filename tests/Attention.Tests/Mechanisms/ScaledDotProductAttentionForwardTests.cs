using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;
using Attention.Tests.Golden;

namespace Attention.Tests.Mechanisms;

/// <summary>The forward pass against the double reference: shapes, policies, widths, placements, terms.</summary>
public class ScaledDotProductAttentionForwardTests
{
    public static TheoryData<string> PolicyNames => PolicyCases.Names;

    public static IEnumerable<object[]> WidthNames => Widths.All;

    public static TheoryData<string> GoldenNames => GoldenAttention.Names;

    public static TheoryData<int[]> BiasShapes =>
        [[2, 4, 13, 37], [1, 4, 13, 37], [2, 1, 13, 37], [1, 1, 13, 37], [1, 4, 1, 37], [2, 1, 1, 37], [1, 4, 13, 1], [1, 1, 1, 1]];

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void Policies_OverAllShapes(string policies)
    {
        for (int i = 0; i < ShapeCases.All.Count; i++)
        {
            Compare.Forward(PolicyCases.Get(policies), AttentionProblems.Random(ShapeCases.All[i]), (Placement)(i % 2));
        }
    }

    [Theory]
    [MemberData(nameof(WidthNames))]
    public void Widths_OverAllShapes(SimdWidth width)
    {
        for (int i = 0; i < ShapeCases.All.Count; i++)
        {
            AttentionProblem<float> problem = AttentionProblems.Random(ShapeCases.All[i]);
            Compare.Forward(PolicyCases.Get("none"), problem, (Placement)((i + 1) % 2), new AttentionOptions { Width = width });
            Compare.Forward(PolicyCases.Get("causal"), problem, (Placement)(i % 2), new AttentionOptions { Width = width });
        }
    }

    [Theory]
    [MemberData(nameof(WidthNames))]
    public void Widths_OverPolicies(SimdWidth width)
    {
        foreach (string name in new[] { "window", "dense", "sparse rows of a user", "soft cap", "quadratic of a user" })
        {
            foreach (AttentionShape shape in ShapeCases.Ragged)
            {
                Compare.Forward(PolicyCases.Get(name), AttentionProblems.Random(shape), options: new AttentionOptions { Width = width });
            }
        }
    }

    [Theory]
    [MemberData(nameof(GoldenNames))]
    public void GoldenNumbers(string name)
    {
        AttentionProblem<float> problem = GoldenAttention.Problem(name).To<float>();
        using AttentionMemory memory = new(problem);

        GoldenPolicies(name).Forward(memory, new AttentionOptions { Scale = 0.5f });

        Tolerance.Golden("output", memory.Output.Gather(), GoldenAttention.Numbers(name, "out"));
        Tolerance.Golden("log-sum-exp", memory.LogSumExp.Gather(), GoldenAttention.Numbers(name, "lse"));
    }

    [Theory]
    [MemberData(nameof(BiasShapes))]
    public void Bias_BroadcastOverAnyAxes(int[] biasShape)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(2, 4, 2, 13, 37, 17, 9)).WithBias(biasShape);

        foreach (string policies in new[] { "none", "causal", "soft cap", "checkerboard of a user" })
        {
            Compare.Forward(PolicyCases.Get(policies), problem);
        }
    }

    [Fact]
    public void Bias_OfNegativeInfinity_Hides()
    {
        AttentionShape shape = new(2, 2, 1, 17, 67, 9, 9);
        AttentionProblem<float> problem = AttentionProblems.Random(shape).WithBias([1, 2, 17, 67]);
        for (int i = 0; i < problem.Bias!.Length; i++)
        {
            bool emptyRow = i / shape.KeyLength % 5 == 2;
            problem.Bias[i] = emptyRow || i % 3 == 0 ? float.NegativeInfinity : problem.Bias[i];
        }

        Compare.Forward(PolicyCases.Get("none"), problem);
        Compare.Forward(PolicyCases.Get("causal"), problem);
        Compare.Forward(PolicyCases.Get("none"), problem.WithSinks());
    }

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void Sinks_TakePartOfEveryRow(string policies)
    {
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            Compare.Forward(PolicyCases.Get(policies), AttentionProblems.Random(shape).WithSinks());
        }
    }

    [Theory]
    [InlineData(1e4f)]
    [InlineData(-1e4f)]
    public void Sinks_FarAboveOrBelowTheScores(float logit)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 3, 1, 7, 31, 8, 8));

        Compare.Forward(PolicyCases.Get("causal"), problem with { SinkLogits = [logit, logit / 2, 0] });
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    [InlineData(-0.5f)]
    [InlineData(1e-6f)]
    [InlineData(300f)]
    [InlineData(-3000f)]
    public void Scale_MayBeAnyFiniteNumber(float scale)
    {
        foreach (string policies in new[] { "none", "causal", "soft cap", "dense" })
        {
            AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 19, 83, 16, 24));
            Compare.Forward(PolicyCases.Get(policies), problem, options: new AttentionOptions { Scale = scale });
            Compare.Forward(PolicyCases.Get(policies), problem.WithBias([1, 2, 1, 83]), options: new AttentionOptions { Scale = scale });
        }
    }

    [Fact]
    public void ShorterOverloads_AreTheLongOneWithNothing()
    {
        AttentionShape shape = new(1, 2, 1, 9, 33, 8, 5);
        using AttentionMemory memory = new(AttentionProblems.Random(shape));
        PolicyCases.Get("none").Forward(memory);
        float[] full = memory.Output.Gather();
        PolicyCases.Get("causal top left").Forward(memory);
        float[] causal = memory.Output.Gather();

        ScaledDotProductAttention.Forward(
            memory.Query.Read(), memory.Key.Read(), memory.Value.Read(), memory.Output.Write());
        Tolerance.SameBits("full", memory.Output.Gather(), full);

        ScaledDotProductAttention.Forward(
            memory.Query.Read(), memory.Key.Read(), memory.Value.Read(), CausalMask.TopLeft, memory.Output.Write());
        Tolerance.SameBits("causal", memory.Output.Gather(), causal);
    }

    private static PolicyCase GoldenPolicies(string name) => name switch
    {
        "sdpa_causal_bottom_right" => PolicyCases.Get("causal"),
        "sdpa_row1_fully_masked" => Policies(_ => new DenseMask(Layout.Contiguous(3, 1).Read([true, false, true])), default(NoModifier)),
        "sdpa_window_1_1_bottom_right" => Policies(_ => new WindowMask(1, 1, 2), default(NoModifier)),
        "sdpa_alibi_slope_0.5_bottom_right" => Policies(_ => default(NoMask), new AlibiModifier([0.5f], 2)),
        _ => PolicyCases.Get("none"),
    };

    private static PolicyCase<TMask, TModifier> Policies<TMask, TModifier>(Func<AttentionShape, TMask> mask, TModifier modifier)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier => new("golden", mask, _ => modifier, _ => null, _ => null);
}
