using Attention.Benchmarks.Setup;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is the forward pass beside a plain loop?</summary>
public class ForwardBenchmarks : ICountedBenchmark
{
    private Problem _problem = null!;
    private AttentionResult<float> _plain = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    public static IEnumerable<Size> Sizes => Size.All;

    public double Operations => Problem.ForwardOperations((double)Size.Length * Size.Length, Size.HeadSize);

    [GlobalSetup]
    public void Setup()
    {
        _problem = Problem.Square(Size);
        _plain = new AttentionResult<float>(_problem.Shape, withScores: false);
        Library();
        _problem.RequireOutput();
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop() => FloatLoopAttention.Forward(_problem.Inputs, _plain);

    [Benchmark]
    public void Library() => _problem.Forward(default(NoMask), default(NoModifier));
}
