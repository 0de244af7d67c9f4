using Attention.Autodiff;
using Attention.Benchmarks.Setup;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>
/// How fast is visual attention (Xu et al. 2015) over all steps of a caption at once, and what does looking at one region save? The
/// annotations are projected anew in each call, and the first of them stand for the states.
/// </summary>
public class VisualAttentionBenchmarks : ICountedBenchmark
{
    private const int Steps = 16;

    /// <summary>A tanh, the addition before it and the multiply-add after it, counted one by one.</summary>
    private const double OperationsOfATanh = 24;

    private LayerProblem<VisualAttentionLayer> _soft = null!;
    private LayerProblem<VisualAttentionLayer> _hard = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    // Regions, and numbers of annotations, states and hidden layer alike; the second is the paper's 14 x 14 x 512.
    public static IEnumerable<Size> Sizes => [new(49, 64), new(196, 512), new(131, 92)];

    // Of soft attention, also for the hard one, so that rates compare.
    public double Operations
    {
        get
        {
            double projections = 2.0 * (Size.Length + Steps) * Size.HeadSize * Size.HeadSize;
            return projections + (OperationsOfATanh + 2) * Steps * Size.Length * Size.HeadSize;
        }
    }

    [GlobalSetup]
    public void Setup()
    {
        int size = Size.HeadSize;
        VisualAttentionOptions options = new() { AnnotationSize = size, StateSize = size, HiddenSize = size };
        _soft = LayerProblem.Create(new VisualAttentionLayer(options), SoftContexts, Size.Length, size);
        _hard = LayerProblem.Create(new VisualAttentionLayer(options), HardContexts, Size.Length, size);
        ReferenceVisualAttention reference = new(size, size, size) { Weights = _soft.Weights() };
        double[] regions = _hard.Input;
        _soft.RequireOutput(Reference(_soft.Input));
        _soft.RequireGradient(Reference);
        int[] largest = [.. reference.Rows(regions, States(regions), 1).Select(row => Array.IndexOf(row.Weights, row.Weights.Max()))];
        _hard.RequireOutput(reference.Contexts(regions, States(regions), 1, largest));

        double[] Reference(double[] annotations) => reference.Contexts(annotations, States(annotations), 1);

        double[] States(double[] annotations) => annotations[..(Steps * size)];
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _soft.Dispose();
        _hard.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void Forward() => _soft.Forward();

    [Benchmark]
    public void ForwardAndBackward() => _soft.Train();

    [Benchmark]
    public void Largest() => _hard.Forward();

    private static Variable SoftContexts(VisualAttentionLayer layer, Variable annotations)
    {
        using Variable states = annotations.Slice(1, 0, Steps);
        using VisualMemory memory = layer.Prepare(annotations);
        return layer.Forward(states, memory, default(NoMask));
    }

    private static Variable HardContexts(VisualAttentionLayer layer, Variable annotations)
    {
        using Variable states = annotations.Slice(1, 0, Steps);
        using VisualMemory memory = layer.Prepare(annotations);
        using VisualContext chosen = layer.Choose(states, memory, default(NoMask), KeyChoice.Largest);
        return chosen.Context.Reshape(chosen.Context.Data.Lengths);
    }
}
