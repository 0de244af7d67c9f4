using System.Globalization;
using System.Numerics.Tensors;
using System.Text;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Comparison;

/// <summary>Largest errors against double, beside those of a plain loop in float.</summary>
internal static class Accuracy
{
    internal const string Name = "accuracy";

    private const int Size = 64;

    // The largest error of few rows is luck, above all where large scores nearly tie, so short lengths get more heads.
    private const int Rows = 8192;

    private static CultureInfo Culture => CultureInfo.InvariantCulture;

    internal static string Markdown(bool quick)
    {
        var text = new StringBuilder();
        text.AppendLine(Culture, $"Largest error against double, {Rows} rows of head size {Size}:").AppendLine();
        text.AppendLine("| length | inputs | plain float loop | Attention | ratio |");
        text.AppendLine("| ---: | --- | ---: | ---: | ---: |");
        foreach (int length in (ReadOnlySpan<int>)(quick ? [64, 256, 1024] : [64, 256, 1024, 4096]))
        {
            foreach (float factor in (ReadOnlySpan<float>)[1f, 1e4f])
            {
                (double plain, double own) = Errors(length, factor);
                string inputs = factor == 1 ? "normal" : $"queries x {factor:G1}";
                text.AppendLine(Culture, $"| {length} | {inputs} | {plain:E1} | {own:E1} | {own / plain:F2} |");
            }
        }

        return text.ToString();
    }

    private static (double Plain, double Own) Errors(int length, float factor)
    {
        var shape = new AttentionShape(1, Rows / length, Rows / length, length, length, Size, Size);
        AttentionProblem<float> problem = AttentionProblems.Random(shape, queryFactor: factor);
        double[] reference = ReferenceAttention.Forward(problem).Output;
        float[] plain = FloatLoopAttention.Forward(problem).Output;
        var own = new float[plain.Length];
        ScaledDotProductAttention.Forward(
            new ReadOnlyTensorSpan<float>(problem.Query, shape.QueryLengths),
            new ReadOnlyTensorSpan<float>(problem.Key, shape.KeyLengths),
            new ReadOnlyTensorSpan<float>(problem.Value, shape.ValueLengths),
            new TensorSpan<float>(own, shape.OutputLengths));
        return (Largest(plain, reference), Largest(own, reference));
    }

    private static double Largest(float[] actual, double[] reference) =>
        actual.Zip(reference, (number, exact) => Math.Abs(number - exact)).Max();
}
