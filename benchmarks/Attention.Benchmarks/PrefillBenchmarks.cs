using Attention.Benchmarks.Setup;
using Attention.Caching;
using Attention.Policies;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What does it cost to read a prompt through a cache, whole or in chunks, beside causal attention without one?</summary>
public class PrefillBenchmarks : ICountedBenchmark
{
    private Problem _direct = null!;
    private CacheProblem _cached = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    [Params(64, 100, int.MaxValue)]
    public int Chunk { get; set; }

    public static IEnumerable<Size> Sizes => Size.All;

    public double Operations => Problem.ForwardOperations(Size.Length * (Size.Length + 1.0) / 2, Size.HeadSize);

    [GlobalSetup]
    public void Setup()
    {
        _direct = Problem.Square(Size, (_, _, query, key) => key <= query);
        _cached = CacheProblem.Create(_direct.Shape, CacheKind.Contiguous, KvStorage.Float32);
        WithoutCache();
        _direct.RequireOutput();
        Library();
        _cached.RequireOutput();
    }

    [GlobalCleanup]
    public void Cleanup() => _cached.Dispose();

    [Benchmark(Baseline = true)]
    public void WithoutCache() => _direct.Forward(CausalMask.TopLeft, default(NoModifier));

    [Benchmark]
    public void Library()
    {
        _cached.Prefill(Chunk);
        _cached.Clear();
    }
}
