using Attention.Benchmarks.Setup;
using Attention.Operators;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is the cross entropy of logits, and its gradient?</summary>
public class CrossEntropyBenchmarks : ICountedBenchmark
{
    private Numbers _logits = null!;
    private Numbers _losses = null!;
    private Numbers _lossGradients = null!;
    private Numbers _logitsGradient = null!;
    private int[] _targets = null!;
    private float[] _row = null!;

    [Params(16, 256, 33)]
    public int Rows { get; set; }

    [Params(1000, 32000)]
    public int Classes { get; set; }

    // Counted as one operation for each logit.
    public double Operations => (double)Rows * Classes;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        var random = new Random(2);
        _logits = Numbers.Random(1, Rows, Classes);
        _targets = [.. Enumerable.Range(0, Rows).Select(_ => random.Next(Classes))];
        _losses = Numbers.Room(Rows);
        _lossGradients = Numbers.Random(3, Rows);
        _logitsGradient = Numbers.Room(Rows, Classes);
        _row = new float[Classes];
        Forward();
        Backward();
        double[] logits = _logits.Widened();
        double[] losses = new double[Rows];
        double[] gradient = new double[logits.Length];
        double[] rowGradient = new double[Classes];
        for (int row = 0; row < Rows; row++)
        {
            losses[row] = OperatorLoops.CrossEntropy(logits.AsSpan(row * Classes, Classes), _targets[row], 0.0, rowGradient);
            for (int i = 0; i < Classes; i++)
            {
                gradient[row * Classes + i] = rowGradient[i] * _lossGradients.Data[row];
            }
        }

        Tolerance.Golden("losses", _losses.Data, losses);
        Tolerance.Golden("gradient", _logitsGradient.Data, gradient);
    }

    /// <summary>Loss and gradient at once.</summary>
    [Benchmark(Baseline = true)]
    public void PlainLoop()
    {
        for (int row = 0; row < Rows; row++)
        {
            _losses.Data[row] = OperatorLoops.CrossEntropy<float>(_logits.Data.AsSpan(row * Classes, Classes), _targets[row], 0f, _row);
        }
    }

    [Benchmark]
    public void Forward() => CrossEntropy.Forward(_logits.Read, _targets, _losses.Data);

    [Benchmark]
    public void Backward() => CrossEntropy.Backward(_logits.Read, _targets, _lossGradients.Data, _logitsGradient.Write);
}
