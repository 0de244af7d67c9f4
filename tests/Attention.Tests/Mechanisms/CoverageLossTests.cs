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
