using Attention.TestKit;
using Attention.Tests.Golden;

namespace Attention.Tests.TestKit;

/// <summary>The reference is itself held to golden numbers and to finite differences.</summary>
public class ReferenceAttentionTests
{
    public static TheoryData<string> GoldenNames => GoldenAttention.Names;

    public static TheoryData<string> Variants =>
        ["plain", "causal", "soft cap", "bias", "row bias", "sinks", "dropout", "log-sum-exp", "empty rows", "empty rows and sinks", "all"];

    [Theory]
    [MemberData(nameof(GoldenNames))]
    public void Forward_GivesTheGoldenNumbers(string name)
    {
        AttentionResult<double> result = ReferenceAttention.Forward(GoldenAttention.Problem(name), withScores: true);

        Tolerance.Exact("output", result.Output, GoldenAttention.Numbers(name, "out"));
        Tolerance.Exact("log-sum-exp", result.LogSumExp, GoldenAttention.Numbers(name, "lse"));
        Tolerance.Exact("weights", result.Weights, GoldenAttention.Numbers(name, "w"));
    }

    [Theory]
    [MemberData(nameof(GoldenNames))]
    public void FloatLoop_GivesTheGoldenNumbers(string name)
    {
        AttentionResult<float> result = FloatLoopAttention.Forward(GoldenAttention.Problem(name).To<float>(), withScores: true);

        Tolerance.Golden("output", result.Output, GoldenAttention.Numbers(name, "out"));
        Tolerance.Golden("log-sum-exp", result.LogSumExp, GoldenAttention.Numbers(name, "lse"));
        Tolerance.Golden("weights", result.Weights, GoldenAttention.Numbers(name, "w"));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Backward_EqualsFiniteDifferences(string variant)
    {
        AttentionProblem<double> problem = Variant(variant).To<double>();
        AttentionGradients<double> gradients = ReferenceAttention.Backward(problem);

        Check("query", gradients.Query, problem.Query);
        Check("key", gradients.Key, problem.Key);
        Check("value", gradients.Value, problem.Value);
        Check("bias", gradients.Bias, problem.Bias ?? []);
        Check("sinks", gradients.SinkLogits, problem.SinkLogits ?? []);
        double[] scale = [problem.ScaleOrDefault];
        Tolerance.Differences(
            "scale", [gradients.Scale], FiniteDifferences.Gradient(scale, () => Loss(problem with { Scale = scale[0] })));

        void Check(string name, double[] analytical, double[] input) =>
            Tolerance.Differences(name, analytical, FiniteDifferences.Gradient(input, () => Loss(problem)));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void FloatLoop_AgreesWithDouble(string variant)
    {
        AttentionProblem<float> problem = Variant(variant);
        AttentionResult<double> reference = ReferenceAttention.Forward(problem);
        AttentionGradients<double> gradients = ReferenceAttention.Backward(problem);
        AttentionResult<float> result = FloatLoopAttention.Forward(problem);
        AttentionGradients<float> plain = FloatLoopAttention.Backward(problem);

        Tolerance.Golden("output", result.Output, reference.Output);
        Tolerance.Golden("log-sum-exp", result.LogSumExp, reference.LogSumExp);
        Tolerance.Golden("query", plain.Query, gradients.Query);
        Tolerance.Golden("key", plain.Key, gradients.Key);
        Tolerance.Golden("value", plain.Value, gradients.Value);
        Tolerance.Golden("bias", plain.Bias, gradients.Bias);
        Tolerance.Golden("sinks", plain.SinkLogits, gradients.SinkLogits);
    }

    [Fact]
    public void HiddenNumbers_AreNeverLookedAt()
    {
        AttentionProblem<float> problem = Variant("causal");
        AttentionProblem<float> poisoned = problem with { Key = [.. problem.Key], Value = [.. problem.Value] };
        AttentionShape shape = problem.Shape;
        for (int keyHead = 0; keyHead < shape.Batch * shape.KeyValueHeads; keyHead++)
        {
            int last = ((keyHead + 1) * shape.KeyLength) - 1;
            poisoned.Key.AsSpan(last * shape.HeadSize, shape.HeadSize).Fill(float.NaN);
            poisoned.Value.AsSpan(last * shape.ValueSize, shape.ValueSize).Fill(float.PositiveInfinity);
        }

        Tolerance.Exact("output", ReferenceAttention.Forward(poisoned).Output, ReferenceAttention.Forward(problem).Output);
        Tolerance.Exact("gradient", ReferenceAttention.Backward(poisoned).Query, ReferenceAttention.Backward(problem).Query);
    }

    [Fact]
    public void NaN_InAnAllowedScore_IsNotHidden()
    {
        AttentionProblem<float> problem = Variant("plain");
        problem.Key[0] = float.NaN;

        ReferenceAttention.Forward(problem).Output[0].Should().Be(double.NaN);
        ReferenceAttention.Forward(problem).LogSumExp[0].Should().Be(double.NaN);
    }

    private static AttentionProblem<float> Variant(string variant)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(2, 4, 2, 3, 5, 3, 2), seed: 11);
        int[] full = [2, 4, 3, 5];
        return variant switch
        {
            "plain" => problem,
            "causal" => problem with { Mask = (_, _, query, key) => key <= query + 1 },
            "soft cap" => problem with { Modifier = new SoftCapReference(1.5f) },
            "bias" => problem.WithBias(full),
            "row bias" => problem.WithBias([1, 4, 1, 5]),
            "sinks" => problem.WithSinks(),
            "dropout" => problem with { KeepFactor = Keep },
            "log-sum-exp" => problem.WithLogSumExpGradient(),
            "empty rows" => (problem with { Mask = (batch, _, query, _) => batch == 0 && query != 1 })
                .WithLogSumExpGradientOfLiveRows(),
            "empty rows and sinks" => (problem with { Mask = (batch, _, query, _) => batch == 0 && query != 1 })
                .WithSinks().WithLogSumExpGradient(),
            _ => (problem with
            {
                Mask = (_, head, query, key) => key <= query + head,
                Modifier = new SoftCapReference(2f),
                KeepFactor = Keep,
                Scale = -0.7f,
            }).WithBias(full).WithSinks().WithLogSumExpGradient(),
        };
    }

    private static float Keep(int batch, int head, int query, int key) =>
        (batch + (2 * head) + (3 * query) + (5 * key)) % 4 == 0 ? 0f : 1 / 0.75f;

    private static double Loss(AttentionProblem<double> problem)
    {
        AttentionResult<double> result = ReferenceAttention.Forward(problem);
        double loss = 0;
        for (int i = 0; i < result.Output.Length; i++)
        {
            loss += result.Output[i] * problem.OutputGradient![i];
        }

        for (int i = 0; i < (problem.LogSumExpGradient?.Length ?? 0); i++)
        {
            loss += problem.LogSumExpGradient![i] == 0 ? 0 : result.LogSumExp[i] * problem.LogSumExpGradient[i];
        }

        return loss;
    }
}

file static class Extensions
{
    /// <summary>An empty row's log-sum-exp is constant, so a loss may not contain it.</summary>
    internal static AttentionProblem<float> WithLogSumExpGradientOfLiveRows(this AttentionProblem<float> problem)
    {
        AttentionProblem<float> filled = problem.WithLogSumExpGradient();
        double[] logSumExp = ReferenceAttention.Forward(problem).LogSumExp;
        for (int i = 0; i < logSumExp.Length; i++)
        {
            filled.LogSumExpGradient![i] = double.IsFinite(logSumExp[i]) ? filled.LogSumExpGradient[i] : 0;
        }

        return filled;
    }
}
