using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>
/// Runs the library and compares it with the reference. Inputs that differ from run to run are given as
/// <c>rows: 1</c>, the most generous floor, so that chance alone fails no run.
/// </summary>
internal static class Compare
{
    /// <summary>Forward: output and log-sum-exp.</summary>
    public static void Forward(
        PolicyCase policies, AttentionProblem<float> problem, Placement placement = default, in AttentionOptions options = default, int? rows = null)
    {
        problem = policies.Apply(problem) with { Scale = options.Scale };
        AttentionResult<double> reference = ReferenceAttention.Forward(problem);
        AttentionResult<float> plain = FloatLoopAttention.Forward(problem);
        using AttentionMemory memory = new(problem, placement);

        policies.Forward(memory, options);

        string name = Describe(policies, problem, placement, options);
        Sensitivity sensitivity = reference.Sensitivity;
        int counted = rows ?? problem.Shape.RowCount;
        Tolerance.Mechanism($"output of {name}", memory.Output.Gather(), reference.Output, plain.Output, sensitivity.Output, counted);
        Tolerance.Mechanism(
            $"log-sum-exp of {name}", memory.LogSumExp.Gather(), reference.LogSumExp, plain.LogSumExp, sensitivity.LogSumExp, counted);
    }

    /// <summary>Forward and backward: every gradient.</summary>
    public static void Backward(
        PolicyCase policies, AttentionProblem<float> problem, Placement placement = default, in AttentionOptions options = default, int? rows = null)
    {
        problem = policies.Apply(problem) with { Scale = options.Scale };
        AttentionGradients<double> reference = ReferenceAttention.Backward(problem);
        AttentionGradients<float> plain = FloatLoopAttention.Backward(problem);
        using AttentionMemory memory = new(problem, placement);

        policies.Forward(memory, options);
        policies.Backward(memory, options);

        string name = Describe(policies, problem, placement, options);
        Sensitivity sensitivity = reference.Sensitivity;
        Check("query", memory.QueryGradient, reference.Query, plain.Query, sensitivity.Query);
        Check("key", memory.KeyGradient, reference.Key, plain.Key, sensitivity.Key);
        Check("value", memory.ValueGradient, reference.Value, plain.Value, sensitivity.Value);
        Check("bias", memory.BiasGradient, reference.Bias, plain.Bias, sensitivity.Bias);
        Check("sinks", memory.SinkGradient, reference.SinkLogits, plain.SinkLogits, sensitivity.SinkLogits);

        void Check(string input, TestOperand? actual, double[] expected, float[] yardstick, double floor)
        {
            if (actual is not null)
            {
                Tolerance.Mechanism($"gradient of {input} of {name}", actual.Gather(), expected, yardstick, floor, rows ?? problem.Shape.RowCount);
            }
        }
    }

    private static string Describe(
        PolicyCase policies, AttentionProblem<float> problem, Placement placement, in AttentionOptions options) =>
        $"'{policies}' {problem.Shape} {placement} {options.Width}";
}
