using Attention.Benchmarks.Setup;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast does one query read a cache of keys and values, and do grouped heads read it once?</summary>
public class DecodeBenchmarks : ICountedBenchmark
{
    private const int QueryHeads = 32;
    private const int HeadSize = 128;

    private Problem _problem = null!;
    private AttentionResult<float> _plain = null!;

    [Params(64, 4096, 1021)]
    public int KeyLength { get; set; }

    [Params(32, 8)]
    public int KeyValueHeads { get; set; }

    public double Operations => 4.0 * QueryHeads * KeyLength * HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        var shape = new AttentionShape(1, QueryHeads, KeyValueHeads, 1, KeyLength, HeadSize, HeadSize);
        _problem = new Problem(AttentionProblems.Random(shape));
        _plain = new AttentionResult<float>(shape, withScores: false);
        Library();
        _problem.RequireOutput();
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop() => FloatLoopAttention.Forward(_problem.Inputs, _plain);

    [Benchmark]
    public void Library() => _problem.Forward(default(NoMask), default(NoModifier));
}
