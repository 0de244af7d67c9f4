using Attention.Autodiff;
using Attention.Benchmarks.Setup;
using Attention.Layers;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>
/// How fast is Luong's attention layer when all target steps are computed at once, and what does a window save? Target and
/// source states are the same sequence.
/// </summary>
public class LuongAttentionBenchmarks : ICountedBenchmark
{
    // Scores are not scaled. With the paper's 0.1 those of large random states reach tens, whose rounding alone moves a weight by
    // more than the tolerance.
    private const float InitialRange = 0.02f;

    private LayerProblem<LuongAttentionLayer> _problem = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    [Params(LuongAlignment.Global, LuongAlignment.LocalPredictive)]
    public LuongAlignment Alignment { get; set; }

    // Length and numbers of a state; the reference multiplies by the weight for every pair, and larger ones would take it minutes.
    public static IEnumerable<Size> Sizes => [new(64, 64), new(256, 128), new(131, 92)];

    // The products of global attention with the general score, also for the window, so that rates compare.
    public double Operations => 6.0 * Size.Length * Size.HeadSize * Size.HeadSize + 4.0 * Size.Length * Size.Length * Size.HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        LuongAttentionOptions options = new()
        {
            QuerySize = Size.HeadSize,
            MemorySize = Size.HeadSize,
            Alignment = Alignment,
            InitialRange = InitialRange,
        };
        _problem = LayerProblem.Create(new LuongAttentionLayer(options), Forward, Size.Length, Size.HeadSize);
        ReferenceLuong reference = new(Size.HeadSize, Size.HeadSize, options.Score, Alignment) { Weights = _problem.Weights() };
        _problem.RequireOutput(Reference(_problem.Input));
        _problem.RequireGradient(Reference);

        double[] Reference(double[] input) => reference.Forward(input, input, 1);
    }

    [GlobalCleanup]
    public void Cleanup() => _problem.Dispose();

    [Benchmark(Baseline = true)]
    public void Forward() => _problem.Forward();

    [Benchmark]
    public void ForwardAndBackward() => _problem.Train();

    private static Variable Forward(LuongAttentionLayer layer, Variable input)
    {
        using LuongMemory memory = layer.Prepare(input);
        return layer.Forward(input, memory);
    }
}
