using Attention.Benchmarks.Setup;
using Attention.Layers;
using Attention.Operators;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is a whole encoder layer, forward alone and with all gradients?</summary>
public class EncoderLayerBenchmarks : ICountedBenchmark
{
    private const int Heads = 4;

    private LayerProblem<TransformerEncoderLayer> _problem = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    // Length and model size.
    public static IEnumerable<Size> Sizes => [new(64, 64), new(512, 256), new(131, 92)];

    // Attention as in its own benchmark, and two products with four times the model size; forward.
    public double Operations => 24.0 * Size.Length * Size.HeadSize * Size.HeadSize + 4.0 * Size.Length * Size.Length * Size.HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        int size = Size.HeadSize;
        TransformerOptions options = new()
        {
            Attention = new MultiHeadAttentionOptions { ModelSize = size, Heads = Heads },
            FeedForwardSize = 4 * size,
            FeedForward = FeedForwardKind.Gelu,
        };
        _problem = LayerProblem.Create(
            new TransformerEncoderLayer(options), (layer, input) => layer.Forward(input, default(NoMask)), Size.Length, size);
        ReferenceMultiHeadAttention attention = new(size, Heads, Heads, size / Heads) { Weights = _problem.Weights("self_attn.") };
        ReferenceFeedForward feedForward = new(size, 4 * size, options.FeedForward) { Weights = _problem.Weights() };
        _problem.RequireOutput(Reference(_problem.Input));

        double[] Reference(double[] input)
        {
            double[] middle = AddAndNormalise(input, attention.Forward(input, input, 1), options.NormEpsilon);
            return AddAndNormalise(middle, feedForward.Forward(middle), options.NormEpsilon);
        }
    }

    [GlobalCleanup]
    public void Cleanup() => _problem.Dispose();

    [Benchmark(Baseline = true)]
    public void Forward() => _problem.Forward();

    [Benchmark]
    public void ForwardAndBackward() => _problem.Train();

    /// <summary>A new layer's norms have ones as weights and no bias.</summary>
    private double[] AddAndNormalise(double[] input, double[] change, double epsilon) =>
    [
        .. input.Zip(change, (x, y) => x + y).Chunk(Size.HeadSize)
            .SelectMany(row => OperatorLoops.Normalise<double>(NormalizationKind.Layer, row, epsilon, out _)),
    ];
}
