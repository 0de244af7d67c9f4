using Attention.Benchmarks.Setup;
using Attention.Caching;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast are tokens stored and forgotten again, by the number?</summary>
public class CacheAppendBenchmarks : ICountedBenchmark
{
    private const int KeyValueHeads = 8;
    private const int HeadSize = 128;

    private CacheProblem _problem = null!;

    [Params(1, 1024, 331)]
    public int Tokens { get; set; }

    [ParamsAllValues]
    public KvStorage Storage { get; set; }

    [ParamsAllValues]
    public CacheKind Kind { get; set; }

    // Counted as one operation for each number of keys and values.
    public double Operations => 2.0 * KeyValueHeads * HeadSize * Tokens;

    [GlobalSetup]
    public void Setup()
    {
        _problem = CacheProblem.Create(new AttentionShape(1, KeyValueHeads, KeyValueHeads, 1, Tokens, HeadSize, HeadSize), Kind, Storage);
        Library();
        _problem.Append();
        _problem.Attend();
        _problem.RequireOutput();
        _problem.Clear();
    }

    [GlobalCleanup]
    public void Cleanup() => _problem.Dispose();

    [Benchmark]
    public void Library()
    {
        _problem.Append();
        _problem.Clear();
    }
}
