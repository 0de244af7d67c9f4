using Attention.TestKit;

namespace Attention.Tests.TestKit;

public class ReferenceMergeTests
{
    private const int Rows = 3;
    private const int ValueSize = 2;

    [Fact]
    public void Backward_EqualsFiniteDifferences()
    {
        double[][] outputs = [AttentionProblems.Wave(1, 6), AttentionProblems.Wave(2, 6), AttentionProblems.Wave(3, 6)];
        double[][] sums = [AttentionProblems.Wave(4, 3), AttentionProblems.Wave(5, 3), AttentionProblems.Wave(6, 3)];
        double[] outputGradient = AttentionProblems.Wave(7, 6);
        double[] sumGradient = AttentionProblems.Wave(8, 3);
        (double[][] outputGradients, double[][] sumGradients) =
            ReferenceMerge.Backward(outputs, sums, outputGradient, sumGradient, Rows, ValueSize);

        for (int part = 0; part < 3; part++)
        {
            Tolerance.Differences("output", outputGradients[part], FiniteDifferences.Gradient(outputs[part], Loss));
            Tolerance.Differences("log-sum-exp", sumGradients[part], FiniteDifferences.Gradient(sums[part], Loss));
        }

        double Loss()
        {
            (double[] output, double[] sum) = ReferenceMerge.Forward(outputs, sums, Rows, ValueSize);
            return output.Zip(outputGradient, (a, b) => a * b).Sum() + sum.Zip(sumGradient, (a, b) => a * b).Sum();
        }
    }

    [Fact]
    public void Forward_OfTwoHalvesOfTheKeys_IsTheWhole()
    {
        AttentionShape shape = new(1, 1, 1, Rows, 7, 4, ValueSize);
        AttentionProblem<double> whole = AttentionProblems.Random(shape).To<double>();
        AttentionResult<double> expected = ReferenceAttention.Forward(whole);
        AttentionResult<double> first = ReferenceAttention.Forward(whole with { Mask = (_, _, query, key) => key < 3 || query == 2 });
        AttentionResult<double> second = ReferenceAttention.Forward(whole with { Mask = (_, _, query, key) => key >= 3 && query != 2 });

        (double[] output, double[] sum) =
            ReferenceMerge.Forward([first.Output, second.Output], [first.LogSumExp, second.LogSumExp], Rows, ValueSize);

        Tolerance.Exact("output", output, expected.Output);
        Tolerance.Exact("log-sum-exp", sum, expected.LogSumExp);
    }
}
