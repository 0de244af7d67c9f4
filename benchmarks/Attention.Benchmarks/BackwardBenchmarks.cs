using Attention.Benchmarks.Setup;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is the backward pass alone?</summary>
public class BackwardBenchmarks : ICountedBenchmark
{
    private Problem _problem = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    [Params(false, true)]
    public bool Causal { get; set; }

    public static IEnumerable<Size> Sizes => Size.All;

    // Five matrix products, of which one computes the scores again: two and a half forward passes.
    public double Operations =>
        2.5 * Problem.ForwardOperations(Size.Length * (Causal ? (Size.Length + 1.0) / 2 : Size.Length), Size.HeadSize);

    [GlobalSetup]
    public void Setup()
    {
        _problem = Problem.Square(Size, Causal ? (_, _, query, key) => key <= query : null);
        if (Causal)
        {
            _problem.Forward(CausalMask.TopLeft, default(NoModifier));
        }
        else
        {
            _problem.Forward(default(NoMask), default(NoModifier));
        }

        Library();
        _problem.RequireGradients();
    }

    [Benchmark(Baseline = true)]
    public AttentionGradients<float> PlainLoop() => FloatLoopAttention.Backward(_problem.Inputs);

    [Benchmark]
    public void Library()
    {
        if (Causal)
        {
            _problem.Backward(CausalMask.TopLeft);
        }
        else
        {
            _problem.Backward(default(NoMask));
        }
    }
}
