using Attention.Benchmarks.Setup;
using Attention.Gemm;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What does hard attention over given scores cost beside soft attention: softmax and a product with all values?</summary>
public class HardAttentionBenchmarks : ICountedBenchmark
{
    private const int Queries = 64;

    private Numbers _scores = null!;
    private Numbers _value = null!;
    private Numbers _weights = null!;
    private Numbers _output = null!;
    private Numbers _logProbability = null!;
    private Numbers _entropy = null!;
    private Numbers _slopes = null!;
    private Numbers _scoresGradient = null!;
    private Numbers _valueGradient = null!;
    private int[] _choices = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    // Regions and the size of an annotation; the first two are of Xu et al. and of a long sequence.
    public static IEnumerable<Size> Sizes => [new(196, 512), new(4096, 64), new(331, 45)];

    // Of soft attention; the other rows show by their rates what is saved.
    public double Operations => 2.0 * Queries * Size.Length * Size.HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        nint[] rows = [1, 1, Queries];
        _scores = Numbers.Random(1, [.. rows, Size.Length]);
        _value = Numbers.Random(2, 1, 1, Size.Length, Size.HeadSize);
        _weights = Numbers.Room([.. rows, Size.Length]);
        _output = Numbers.Room([.. rows, Size.HeadSize]);
        _logProbability = Numbers.Room(rows);
        _entropy = Numbers.Room(rows);
        _slopes = Numbers.Random(3, rows);
        _scoresGradient = Numbers.Room([.. rows, Size.Length]);
        _valueGradient = Numbers.Room(1, 1, Size.Length, Size.HeadSize);
        _choices = new int[Queries];
        RequireResults();
    }

    [Benchmark(Baseline = true)]
    public void Soft()
    {
        RowNormalization.Forward(_scores.Read, default(NoMask), default(SoftmaxNormalizer), _weights.Write);
        MatrixProduct.Multiply(_weights.Read, _value.Read, _output.Write);
    }

    [Benchmark]
    public void Sampled() => HardAttention.Forward(
        _scores.Read, _value.Read, default(NoMask), KeyChoice.Sampled(1), _choices, _output.Write, _logProbability.Write, _entropy.Write);

    [Benchmark]
    public void Largest() => HardAttention.Forward(_scores.Read, _value.Read, default(NoMask), KeyChoice.Largest, _choices, _output.Write);

    [Benchmark]
    public void Gradients()
    {
        HardAttention.ScoreGradients(_scores.Read, default(NoMask), _choices, _slopes.Read, _slopes.Read, _scoresGradient.Write);
        HardAttention.ValueGradients(_choices, _output.Read, _valueGradient.Write);
    }

    private void RequireResults()
    {
        Sampled();
        Gradients();
        double[] entropies = new double[Queries];
        double[] gradients = new double[Queries * Size.Length];
        double[] scores = _scores.Widened();
        for (int query = 0; query < Queries; query++)
        {
            HardAttentionRow<double> row = new(scores.AsSpan(query * Size.Length, Size.Length));
            entropies[query] = row.Entropy;
            row.ScoreGradient(_choices[query], _slopes.Data[query], _slopes.Data[query]).CopyTo(gradients, query * Size.Length);
            Tolerance.SameBits(
                "output", _output.Data.AsSpan(query * Size.HeadSize, Size.HeadSize),
                _value.Data.AsSpan(_choices[query] * Size.HeadSize, Size.HeadSize));
        }

        Tolerance.Golden("entropy", _entropy.Data, entropies);
        Tolerance.Golden("gradient", _scoresGradient.Data, gradients);
    }
}
