using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>
/// What do losses over the alignments of all steps cost: the coverage loss (See et al. 2017) and the doubly stochastic penalty
/// (Xu et al. 2015)?
/// </summary>
public class CoverageLossBenchmarks
{
    private const int Batch = 8;

    private Numbers _alignments = null!;
    private Numbers _weights = null!;
    private Numbers _losses = null!;
    private Numbers _penalties = null!;
    private Numbers _lossGradients = null!;
    private Numbers _penaltyGradients = null!;
    private Numbers _alignmentGradient = null!;
    private Numbers _weightGradient = null!;

    // Steps and keys; the last is See et al.'s 100 words of 400.
    [Params("16 x 64", "331 x 45", "100 x 400")]
    public string Size { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        int[] lengths = [.. Size.Split(" x ").Select(int.Parse)];
        (int steps, int keys) = (lengths[0], lengths[1]);
        _alignments = Numbers.Random(1, Batch, steps, keys);
        for (int row = 0; row < Batch * steps; row++)
        {
            Span<float> alignment = _alignments.Data.AsSpan(row * keys, keys);
            float sum = 0;
            foreach (ref float number in alignment)
            {
                number = MathF.Abs(number);
                sum += number;
            }

            foreach (ref float number in alignment)
            {
                number /= sum;
            }
        }

        _weights = new Numbers(_alignments.Data, Batch, 1, steps, keys);
        _losses = Numbers.Room(Batch, steps);
        _penalties = Numbers.Room(Batch);
        _lossGradients = Numbers.Random(2, Batch, steps);
        _penaltyGradients = Numbers.Random(3, Batch);
        _alignmentGradient = Numbers.Room(Batch, steps, keys);
        _weightGradient = Numbers.Room(Batch, 1, steps, keys);
        Coverage();
        CoverageBackward();
        Penalty();
        PenaltyBackward();
        RequireResults(steps, keys);
    }

    [Benchmark(Baseline = true)]
    public void Coverage() => CoverageLoss.Forward(_alignments.Read, default, _losses.Write);

    [Benchmark]
    public void CoverageBackward() => CoverageLoss.Backward(_alignments.Read, default, _lossGradients.Read, _alignmentGradient.Write);

    [Benchmark]
    public void Penalty() => DoublyStochasticPenalty.Forward(_weights.Read, default, default, _penalties.Write);

    [Benchmark]
    public void PenaltyBackward() =>
        DoublyStochasticPenalty.Backward(_weights.Read, default, default, _penaltyGradients.Read, _weightGradient.Write);

    private void RequireResults(int steps, int keys)
    {
        double[] alignments = _alignments.Widened();
        double[] losses = new double[Batch * steps];
        double[] gradient = new double[alignments.Length];
        double[] penalties = new double[Batch];
        double[] weightGradient = new double[alignments.Length];
        for (int column = 0; column < Batch * keys; column++)
        {
            (int batch, int key) = Math.DivRem(column, keys);
            double covered = 0;
            for (int step = 0; step < steps; step++)
            {
                int row = batch * steps + step;
                losses[row] += Math.Min(alignments[row * keys + key], covered);
                covered += alignments[row * keys + key];
            }

            // The last step's coverage holds all steps before it: what a step is due for later coverages grows from behind.
            penalties[batch] += (1 - covered) * (1 - covered);
            double total = covered;
            double due = 0;
            for (int step = steps - 1; step >= 0; step--)
            {
                int row = batch * steps + step;
                int i = row * keys + key;
                covered -= alignments[i];
                bool isOwn = alignments[i] <= covered;
                gradient[i] = due + (isOwn ? _lossGradients.Data[row] : 0);
                due += isOwn ? 0 : _lossGradients.Data[row];
                weightGradient[i] = -2 * _penaltyGradients.Data[batch] * (1 - total);
            }
        }

        Tolerance.Golden("losses", _losses.Data, losses);
        Tolerance.Golden("penalties", _penalties.Data, penalties);
        Tolerance.Golden("weight gradient", _weightGradient.Data, weightGradient);
        Tolerance.Golden("alignment gradient", _alignmentGradient.Data, gradient);
    }
}
