using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>The coverage loss by enumeration.</summary>
public class CoverageLossTests
{
    private static readonly Layout s_alignments = Layout.Contiguous(1, 3, 2);
    private static readonly Layout s_losses = Layout.Contiguous(1, 3);
    private static readonly Layout s_coverage = Layout.Contiguous(1, 2);

    /// <summary>Coverages before the steps: 0 0, 0.75 0.25, 1 1.</summary>
    private readonly float[] _steps = [0.75f, 0.25f, 0.25f, 0.75f, 0.5f, 0.5f];

    [Fact]
    public void Losses_AreThoseOfTheDefinition()
    {
        float[] losses = new float[3];

        CoverageLoss.Forward(s_alignments.Read(_steps), default, s_losses.Write(losses));
        losses.Should().Equal(0f, 0.25f + 0.25f, 0.5f + 0.5f);

        // With 0.5 and 0 covered before: 0.5 0, 1.25 0.25, 1.5 1.
        CoverageLoss.Forward(s_alignments.Read(_steps), s_coverage.Read([0.5f, 0f]), s_losses.Write(losses));
        losses.Should().Equal(0.5f, 0.25f + 0.25f, 1f);
    }

    [Fact]
    public void Gradients_AreThoseOfDifferences()
    {
        const int Batch = 2;
        const int Steps = 4;
        const int Keys = 7;
        Random random = new(3);
        double[] alignments = [.. Enumerable.Range(0, Batch * Steps * Keys).Select(_ => random.NextDouble())];
        double[] coverage = [.. Enumerable.Range(0, Batch * Keys).Select(_ => random.NextDouble())];
        float[] factors = AttentionProblems.Normal(random, Batch * Steps);
        float[] gradient = new float[alignments.Length];
        float[] coverageGradient = new float[coverage.Length];
        float[] losses = new float[Batch * Steps];
        ReadOnlyTensorSpan<float> steps = Layout.Contiguous(Batch, Steps, Keys).Read(Floats(alignments));
        ReadOnlyTensorSpan<float> initial = Layout.Contiguous(Batch, Keys).Read(Floats(coverage));

        CoverageLoss.Forward(steps, initial, Layout.Contiguous(Batch, Steps).Write(losses));
        CoverageLoss.Backward(
            steps, initial, Layout.Contiguous(Batch, Steps).Read(factors), Layout.Contiguous(Batch, Steps, Keys).Write(gradient),
            Layout.Contiguous(Batch, Keys).Write(coverageGradient));

        Tolerance.Golden("losses", losses, Losses());
        Tolerance.Golden("gradient", gradient, FiniteDifferences.Gradient(alignments, Loss));
        Tolerance.Golden("initial gradient", coverageGradient, FiniteDifferences.Gradient(coverage, Loss));

        double Loss() => Losses().Zip(factors, (loss, factor) => loss * factor).Sum();

        double[] Losses() => [.. Enumerable.Range(0, Batch * Steps).Select(row => Enumerable.Range(0, Keys).Sum(key =>
        {
            int batch = row / Steps;
            double covered = coverage[(batch * Keys) + key]
                + Enumerable.Range(batch * Steps, row - (batch * Steps)).Sum(before => alignments[(before * Keys) + key]);
            return Math.Min(alignments[(row * Keys) + key], covered);
        }))];

        static float[] Floats(double[] numbers) => Array.ConvertAll(numbers, number => (float)number);
    }

    /// <summary>Axes of 0, no initial coverage, rows apart from each other with NaN between them: losses and gradients of the definition.</summary>
    [Theory]
    [InlineData(0, 3, 5)]
    [InlineData(2, 0, 5)]
    [InlineData(2, 3, 0)]
    [InlineData(1, 1, 1)]
    [InlineData(3, 4, 17)]
    public void StridedViews_AreTheSame(int batch, int steps, int keys)
    {
        float[] numbers = Array.ConvertAll(AttentionProblems.Normal(new Random(4), batch * steps * keys), MathF.Abs);
        float[] factors = AttentionProblems.Normal(new Random(5), batch * steps);
        Layout rows = Layout.Contiguous(batch, steps, keys), losses = Layout.Contiguous(batch, steps), coverages = Layout.Contiguous(batch, keys);
        Layout apartRows = Layout.Strided([batch, steps, keys], [(steps * (keys + 3)) + 1, keys + 3, 1]);
        Layout apartLosses = Layout.Strided([batch, steps], [steps + 2, 1]);
        Layout apartCoverages = Layout.Strided([batch, keys], [keys + 2, 1]);
        float[] loss = new float[batch * steps], gradient = new float[numbers.Length], coverage = Gaps(batch * keys);
        float[] apartLoss = Gaps(loss.Length), apartGradient = Gaps(numbers.Length), apartCoverage = Gaps(batch * keys);
        float[] apartNumbers = Gaps(numbers.Length), apartFactors = Gaps(loss.Length);
        apartRows.Scatter<float>(numbers, apartNumbers);
        apartLosses.Scatter<float>(factors, apartFactors);

        CoverageLoss.Forward(rows.Read(numbers), default, losses.Write(loss));
        CoverageLoss.Backward(rows.Read(numbers), default, losses.Read(factors), rows.Write(gradient), coverages.Write(coverage));
        CoverageLoss.Forward(apartRows.Read(apartNumbers), default, apartLosses.Write(apartLoss));
        CoverageLoss.Backward(
            apartRows.Read(apartNumbers), default, apartLosses.Read(apartFactors), apartRows.Write(apartGradient), apartCoverages.Write(apartCoverage));

        Tolerance.SameBits("losses", apartLosses.Gather<float>(apartLoss), loss);
        Tolerance.SameBits("gradient", apartRows.Gather<float>(apartGradient), gradient);
        Tolerance.SameBits("initial coverage's gradient", apartCoverages.Gather<float>(apartCoverage), coverage.AsSpan(0, batch * keys));
        apartGradient.Count(float.IsNaN).Should().Be(apartGradient.Length - numbers.Length);
        gradient.Should().NotContain(float.NaN);
        coverage.Take(batch * keys).Should().NotContain(float.NaN);

        static float[] Gaps(int count)
        {
            float[] data = new float[(8 * count) + 64];
            Array.Fill(data, float.NaN);
            return data;
        }
    }

    /// <summary>Padding has alignments of 0: what covers it, NaN included, reaches neither losses nor gradients.</summary>
    [Fact]
    public void Padding_NeverReachesAResult()
    {
        float[] steps = [0.75f, 0, 0.25f, 0, 0.5f, 0];
        float[] factors = [1, 2, 3];
        float[] losses = new float[3];
        float[] gradient = new float[6];
        float[] coverageGradient = new float[2];
        ReadOnlyTensorSpan<float> coverage = s_coverage.Read([0.5f, float.NaN]);

        CoverageLoss.Forward(s_alignments.Read(steps), coverage, s_losses.Write(losses));
        CoverageLoss.Backward(s_alignments.Read(steps), coverage, s_losses.Read(factors), s_alignments.Write(gradient), s_coverage.Write(coverageGradient));

        losses.Should().Equal(0.5f, 0.25f, 0.5f);
        gradient.Should().NotContain(float.NaN);
        coverageGradient.Should().Equal(1f, 0f);
    }

    /// <summary>Where alignment and coverage are equal the alignment has the gradient, all of it.</summary>
    [Fact]
    public void AtATie_TheAlignmentHasTheGradient()
    {
        float[] gradient = new float[6];
        float[] coverageGradient = new float[2];

        CoverageLoss.Backward(
            s_alignments.Read([0.5f, 0.25f, 0.5f, 0.25f, 0.75f, 0.75f]), default, s_losses.Read([0f, 1f, 0f]), s_alignments.Write(gradient),
            s_coverage.Write(coverageGradient));

        gradient.Should().Equal(0, 0, 1, 1, 0, 0);
        coverageGradient.Should().Equal(0, 0);
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        float[] losses = new float[3];
        float[] gradient = new float[6];
        float[] coverageGradient = new float[2];

        Refuses("alignments", () => CoverageLoss.Forward(s_losses.Read(losses), default, s_losses.Write(losses)));
        Refuses("initialCoverage", () => CoverageLoss.Forward(s_alignments.Read(_steps), s_losses.Read(losses), s_losses.Write(losses)));
        Refuses("losses", () => CoverageLoss.Forward(s_alignments.Read(_steps), default, s_coverage.Write(losses)));
        Refuses("losses", () => CoverageLoss.Forward(s_alignments.Read(_steps), default, s_losses.Write(_steps)));
        Refuses("lossGradients", () => CoverageLoss.Backward(s_alignments.Read(_steps), default, s_coverage.Read(losses), s_alignments.Write(gradient)));
        Refuses("alignmentGradient", () => CoverageLoss.Backward(s_alignments.Read(_steps), default, s_losses.Read(losses), s_losses.Write(gradient)));
        Refuses("alignmentGradient", () => CoverageLoss.Backward(s_alignments.Read(_steps), default, s_losses.Read(losses), s_alignments.Write(_steps)));
        Refuses("initialCoverageGradient", () => CoverageLoss.Backward(
            s_alignments.Read(_steps), default, s_losses.Read(losses), s_alignments.Write(gradient), s_losses.Write(coverageGradient.Append(0).ToArray())));
        Refuses("initialCoverageGradient", () => CoverageLoss.Backward(
            s_alignments.Read(_steps), default, s_losses.Read(losses), s_alignments.Write(gradient), s_coverage.Write(gradient)));
        losses.Should().OnlyContain(number => number == 0);
        gradient.Should().OnlyContain(number => number == 0);

        static void Refuses(string parameter, Action call) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }
}
