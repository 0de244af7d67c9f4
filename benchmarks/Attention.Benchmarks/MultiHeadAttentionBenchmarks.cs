using Attention.Benchmarks.Setup;
using Attention.Layers;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is multi-head attention with its projections, forward alone and with all gradients?</summary>
public class MultiHeadAttentionBenchmarks : ICountedBenchmark
{
    private const int Heads = 4;

    private LayerProblem<MultiHeadAttention> _problem = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    // Length and model size.
    public static IEnumerable<Size> Sizes => [new(64, 64), new(512, 256), new(131, 92)];

    // Four projections and two products of attention, forward; both rows of a size count that.
    public double Operations => 8.0 * Size.Length * Size.HeadSize * Size.HeadSize + 4.0 * Size.Length * Size.Length * Size.HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        _problem = LayerProblem.Create(
            new MultiHeadAttention(Size.HeadSize, Heads), (layer, input) => layer.Forward(input), Size.Length, Size.HeadSize);
        ReferenceMultiHeadAttention reference = new(Size.HeadSize, Heads, Heads, Size.HeadSize / Heads) { Weights = _problem.Weights() };
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
}
