using Attention.Benchmarks.Setup;
using Attention.Caching;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast does one query read a cache, by what it stores and how it is laid out?</summary>
public class CacheDecodeBenchmarks : ICountedBenchmark
{
    private const int QueryHeads = 32;
    private const int KeyValueHeads = 8;
    private const int HeadSize = 128;

    private CacheProblem _problem = null!;

    [Params(64, 4096, 1021)]
    public int KeyLength { get; set; }

    [ParamsAllValues]
    public KvStorage Storage { get; set; }

    [ParamsAllValues]
    public CacheKind Kind { get; set; }

    public double Operations => 4.0 * QueryHeads * KeyLength * HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        _problem = CacheProblem.Create(new AttentionShape(1, QueryHeads, KeyValueHeads, 1, KeyLength, HeadSize, HeadSize), Kind, Storage);
        _problem.Append();
        Library();
        _problem.RequireOutput();
    }

    [GlobalCleanup]
    public void Cleanup() => _problem.Dispose();

    [Benchmark]
    public void Library() => _problem.Attend();
}
