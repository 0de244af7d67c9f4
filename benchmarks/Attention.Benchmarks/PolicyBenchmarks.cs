using System.Numerics.Tensors;
using Attention.Benchmarks.Setup;
using Attention.Policies;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What does each policy cost beside attention without any?</summary>
public class PolicyBenchmarks : ICountedBenchmark
{
    private const int Window = 64;
    private const float Cap = 20;
    private const float Dropout = 0.1f;

    private Problem _problem = null!;
    private AlibiModifier _alibi;
    private DenseMask _dense;
    private float[] _bias = null!;
    private nint[] _biasShape = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    public static IEnumerable<Size> Sizes => Size.All;

    public double Operations => Problem.ForwardOperations((double)Size.Length * Size.Length, Size.HeadSize);

    [GlobalSetup]
    public void Setup()
    {
        int length = Size.Length;
        var allowed = new bool[length * length];
        Array.Fill(allowed, true);
        _problem = Problem.Square(Size);
        _alibi = new AlibiModifier(Problem.Heads);
        _dense = new DenseMask(new ReadOnlyTensorSpan<bool>(allowed, [length, length]));
        _bias = new float[Problem.Heads * length * length];
        _biasShape = [1, Problem.Heads, length, length];

        // These change nothing, so one reference serves; what the others compute is held by the tests.
        NoPolicy();
        _problem.RequireOutput();
        DenseMask();
        _problem.RequireOutput();
        Bias();
        _problem.RequireOutput();
    }

    [Benchmark(Baseline = true)]
    public void NoPolicy() => _problem.Forward(default(NoMask), default(NoModifier));

    [Benchmark]
    public void SoftCap() => _problem.Forward(default(NoMask), new SoftCapModifier(Cap));

    [Benchmark]
    public void Alibi() => _problem.Forward(default(NoMask), _alibi);

    [Benchmark]
    public void DenseMask() => _problem.Forward(_dense, default(NoModifier));

    [Benchmark]
    public void Bias() => _problem.Forward(
        default(NoMask), default(NoModifier), new ScoreTerms { Bias = new ReadOnlyTensorSpan<float>(_bias, _biasShape) });

    [Benchmark]
    public void DropoutOfTenth() => _problem.Forward(
        default(NoMask), default(NoModifier), default, new AttentionOptions { Dropout = Dropout, DropoutSeed = 1 });

    [Benchmark]
    public void WindowOf64() => _problem.Forward(new WindowMask(Window, 0), default(NoModifier));
}
