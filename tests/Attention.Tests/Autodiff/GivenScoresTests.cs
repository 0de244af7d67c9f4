using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Autodiff;

/// <summary>Computations over given scores on the tape: results and gradients against the formulas in double.</summary>
public class GivenScoresTests
{
    private static readonly nint[] s_scores = [2, 2, 3, 5];
    private static readonly nint[] s_value = [2, 1, 5, 4];
    private static readonly int[] s_choices = [0, 3, 2, 1, 1, 0, 2, 0, 3, 3, 1, 2];
    private static readonly KeyLengthMask s_mask = new(4);

    [Fact]
    public void SoftmaxOfScores_IsTheFormula() => GradientCheck.Run(
        static x => Differentiable.NormalizeScores(x[0], s_mask, default(SoftmaxNormalizer)), static x => Rows(x[0], row => row.Weights, s_scores), s_scores);

    [Fact]
    public void SoftAttention_IsTheFormula() => GradientCheck.Run(
        static x => Differentiable.SoftAttention(x[0], x[1], s_mask),
        static x => Outputs(x[0], x[1], (row, key) => RowOf(x[0], row).Weights[key]), s_scores, s_value);

    [Fact]
    public void ChosenValues_PassTheirGradientToTheValues() => GradientCheck.Run(
        static x =>
        {
            HardAttentionResult result = Differentiable.HardAttention(x[0], x[1], s_mask, KeyChoice.Given, s_choices);
            result.Choices.Should().Equal(s_choices);
            return result.Output;
        },
        static x => Outputs(x[0], x[1], (row, key) => s_choices[row] == key ? 1 : 0), s_scores, s_value);

    [Fact]
    public void LogProbabilitiesAndEntropies_AreTheFormula()
    {
        GradientCheck.Run(
            static x => Choose(x[0]).LogProbability,
            static x => x[0].With([.. Enumerable.Range(0, 12).Select(row => RowOf(x[0], row).LogWeights[s_choices[row]])], 2, 2, 3), s_scores);
        GradientCheck.Run(
            static x => Choose(x[0]).Entropy, static x => Rows(x[0], row => [row.Entropy], 2, 2, 3), s_scores);
    }

    [Fact]
    public void TheReinforceLoss_IsItsFormula_OverStepsThatCount()
    {
        float[] advantages = [.. Enumerable.Range(0, 12).Select(i => MathF.Sin(i))];
        GradientCheck.Run(
            x =>
            {
                HardAttentionResult result = Choose(x[0]);
                return Differentiable.ReinforceLoss(result.LogProbability, advantages, 0.7f, result.Entropy, 0.3f, [3, 1]);
            },
            x =>
            {
                double loss = 0;
                for (int row = 0; row < 12; row++)
                {
                    HardAttentionRow<double> exact = RowOf(x[0], row);
                    bool counts = row % 3 < (row < 6 ? 3 : 1);
                    loss -= counts ? 0.7f * (double)advantages[row] * exact.LogWeights[s_choices[row]] + 0.3f * exact.Entropy : 0;
                }

                return x[0].With([loss], 1);
            },
            s_scores);
    }

    /// <summary>What users run, not its formula: over all choices of a row the loss has the exact gradient for its mean, whatever the baseline.</summary>
    [Theory]
    [InlineData(0f)]
    [InlineData(3f)]
    public void TheReinforceLoss_OverAllChoices_HasTheExactGradient(float baseline)
    {
        float[] scores = AttentionProblems.Normal(new Random(1), 5);
        float[] returns = AttentionProblems.Normal(new Random(2), 5);
        HardAttentionRow<double> row = new(Array.ConvertAll(scores, x => (double)x));
        double[] mean = new double[5];
        for (int choice = 0; choice < 5; choice++)
        {
            using var tape = new Tape();
            using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, scores, 1, 1, 1, 5));
            using Variable value = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 1, 1, 5, 2));
            using HardAttentionResult result = Differentiable.HardAttention(input, value, default(NoMask), KeyChoice.Given, [choice]);
            float[] advantages = new float[1];
            Advantages.Constant(returns.AsSpan(choice, 1), baseline, advantages);
            using Variable loss = Differentiable.ReinforceLoss(result.LogProbability, advantages);
            tape.Backward(loss);
            mean = [.. mean.Zip(input.Gradient!.ToArray(), (sum, x) => sum - row.Weights[choice] * x)];
        }

        // The exact gradient of the mean return.
        Tolerance.Golden(
            "gradient", Array.ConvertAll(mean, x => (float)x), row.SoftmaxGradient(Array.ConvertAll(returns, x => (double)x)));
    }

    [Fact]
    public void StraightThrough_IsHardForward_AndSoftBackward()
    {
        float[] scores = AttentionProblems.Normal(new Random(1), 60);
        float[] slopes = AttentionProblems.Normal(new Random(2), 60);
        (float[] soft, float[] softGradient) = Run(false);
        (float[] hard, float[] hardGradient) = Run(true);
        hard.Should().OnlyContain(x => x == 0 || x == 1);
        hard.Chunk(5).Zip(soft.Chunk(5)).Should().OnlyContain(rows => Array.IndexOf(rows.First, 1f) == Array.IndexOf(rows.Second, rows.Second.Max()));
        Tolerance.SameBits("gradient", hardGradient, softGradient);

        double[] numbers = Array.ConvertAll(soft, x => (double)x);
        double[] expected = new double[60];
        for (int i = 0; i < 60; i++)
        {
            int row = i - i % 5;
            expected[i] = numbers[i] / 0.5 * (slopes[i] - Enumerable.Range(row, 5).Sum(j => numbers[j] * slopes[j]));
        }

        Tolerance.Golden("gradient", softGradient, expected);

        (float[] Weights, float[] Gradient) Run(bool isStraightThrough)
        {
            using var tape = new Tape();
            using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, scores, s_scores));
            using Variable output = Differentiable.GumbelSoftmax(input, default(NoMask), 0.5f, 3, isStraightThrough);
            using DeviceTensor gradient = DeviceTensor.Create(CpuBackend.Shared, slopes, s_scores);
            tape.Backward(output, gradient);
            return (output.Data.ToArray(), input.Gradient!.ToArray());
        }
    }

    [Fact]
    public void WithoutATape_TheNumbersAreTheSame()
    {
        using var tape = new Tape();
        using Variable watched = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(1), 60), s_scores));
        using Variable plain = watched.Detach();
        using Variable hard = Differentiable.GumbelSoftmax(plain, s_mask, 0.5f, 3, true);
        using Variable recorded = Differentiable.GumbelSoftmax(watched, s_mask, 0.5f, 3, true);
        Tolerance.SameBits("one-hot", hard.Data.ToArray(), recorded.Data.ToArray());
        using HardAttentionResult result = Choose(plain);
        using HardAttentionResult other = Choose(watched);
        result.Entropy.RequiresGradient.Should().BeFalse();
        other.Entropy.RequiresGradient.Should().BeTrue();
        Tolerance.SameBits("entropy", result.Entropy.Data.ToArray(), other.Entropy.Data.ToArray());
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        using Variable rows = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 2, 1, 3));
        using Variable other = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 2, 3, 1));
        FluentActions.Invoking(() => Differentiable.GumbelSoftmax(rows, default(NoMask), 1, 1)).Should().Throw<ArgumentException>().WithParameterName("scores");
        using Variable scores = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, s_scores));
        FluentActions.Invoking(() => Differentiable.GumbelSoftmax(scores, s_mask, 0, 1)).Should().Throw<ArgumentException>().WithParameterName("temperature");
        FluentActions.Invoking(() => Differentiable.ReinforceLoss(rows, new float[5])).Should().Throw<ArgumentException>().WithParameterName("advantages");
        FluentActions.Invoking(() => Differentiable.ReinforceLoss(rows, new float[6], 1, other, 1)).Should().Throw<ArgumentException>().WithParameterName("entropy");
        FluentActions.Invoking(() => Differentiable.ReinforceLoss(rows, new float[6], lengths: [3])).Should().Throw<ArgumentException>().WithParameterName("lengths");
        FluentActions.Invoking(() => Differentiable.ReinforceLoss(rows, new float[6], lengths: [3, 4])).Should().Throw<ArgumentException>().WithParameterName("lengths");
    }

    private static HardAttentionResult Choose(Variable scores)
    {
        using Variable value = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, s_value));
        return Differentiable.HardAttention(scores, value, s_mask, KeyChoice.Given, s_choices);
    }

    private static HardAttentionRow<double> RowOf(PlainTensor scores, int row) => new(scores.Values.AsSpan(row * 5, 5), key => key < 4);

    private static PlainTensor Rows(PlainTensor scores, Func<HardAttentionRow<double>, double[]> take, params nint[] lengths) =>
        scores.With([.. Enumerable.Range(0, 12).SelectMany(row => take(RowOf(scores, row)))], lengths);

    private static PlainTensor Outputs(PlainTensor scores, PlainTensor value, Func<int, int, double> weight)
    {
        double[] outputs = new double[12 * 4];
        for (int i = 0; i < outputs.Length; i++)
        {
            int row = i / 4;
            for (int key = 0; key < 4; key++)
            {
                outputs[i] += weight(row, key) * value.Values[(row / 6 * 5 + key) * 4 + i % 4];
            }
        }

        return scores.With(outputs, 2, 2, 3, 4);
    }
}
