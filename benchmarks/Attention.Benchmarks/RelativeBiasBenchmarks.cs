using Attention.Benchmarks.Setup;
using Attention.Positions;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is a bias by relative position looked up, and its gradient added to the table?</summary>
public class RelativeBiasBenchmarks : ICountedBenchmark
{
    private const int Heads = 8;

    private readonly RelativeBuckets _buckets = new();
    private Numbers _table = null!;
    private Numbers _bias = null!;
    private Numbers _biasGradient = null!;
    private Numbers _tableGradient = null!;

    [Params(64, 1024, 331)]
    public int Length { get; set; }

    // Counted as one operation for each number of the bias.
    public double Operations => (double)Heads * Length * Length;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        _table = Numbers.Random(1, _buckets.Count, Heads);
        _bias = Numbers.Room(Heads, Length, Length);
        _biasGradient = Numbers.Random(2, Heads, Length, Length);
        _tableGradient = Numbers.Room(_buckets.Count, Heads);
        Forward();
        Tolerance.SameBits("bias", _bias.Data, PlainLoop());
        Backward();
        float[] plain = PositionLoops.BiasGradient(_biasGradient.Data, _buckets.Count, Heads, Length, Length, Row);
        double[] reference = PositionLoops.BiasGradient(_biasGradient.Widened(), _buckets.Count, Heads, Length, Length, Row);
        double[] magnitudes = PositionLoops.BiasGradient(
            Array.ConvertAll(_biasGradient.Widened(), Math.Abs), _buckets.Count, Heads, Length, Length, Row);
        Tolerance.Mechanism("table gradient", _tableGradient.Data, reference, plain, magnitudes.Max(), Length);
    }

    [Benchmark(Baseline = true)]
    public float[] PlainLoop() => PositionLoops.Bias(_table.Data, Heads, Length, Length, Row);

    [Benchmark]
    public void Forward() => RelativePositionBias.Forward(_table.Read, _buckets, _bias.Write);

    [Benchmark]
    public void Backward() => RelativePositionBias.Backward(_biasGradient.Read, _buckets, _tableGradient.Write);

    private int Row(int query, int key) => _buckets.Bucket(key - query);
}
