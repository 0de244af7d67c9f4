using Attention.Benchmarks.Setup;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>Does a causal mask halve the time, and does it cost anything per visible pair?</summary>
public class CausalBenchmarks : ICountedBenchmark
{
    private Problem _problem = null!;
    private AttentionResult<float> _plain = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    public static IEnumerable<Size> Sizes => Size.All;

    public double Operations => Problem.ForwardOperations(Size.Length * (Size.Length + 1.0) / 2, Size.HeadSize);

    [GlobalSetup]
    public void Setup()
    {
        _problem = Problem.Square(Size, (_, _, query, key) => key <= query);
        _plain = new AttentionResult<float>(_problem.Shape, withScores: false);
        Library();
        _problem.RequireOutput();
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop() => FloatLoopAttention.Forward(_problem.Inputs, _plain);

    [Benchmark]
    public void Library() => _problem.Forward(CausalMask.TopLeft, default(NoModifier));
}
