using Attention.Benchmarks.Setup;
using Attention.Operators;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is a step of an optimiser, by the parameter?</summary>
public class OptimizerBenchmarks : ICountedBenchmark
{
    private const float LearningRate = 1e-3f;
    private const float Momentum = 0.9f;

    private static readonly AdamStep s_step = new(LearningRate, Momentum, 0.999f, 1e-8f, 0.01f, 1, 1);

    private Numbers _parameter = null!;
    private Numbers _gradient = null!;
    private Numbers _first = null!;
    private Numbers _second = null!;

    [Params(256, 1 << 20, 4099)]
    public int Count { get; set; }

    // Counted as one operation for each parameter.
    public double Operations => Count;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        _parameter = Numbers.Random(1, Count);
        _gradient = Numbers.Random(2, Count);
        _first = Numbers.Room(Count);
        _second = Numbers.Room(Count);
        double[] parameter = _parameter.Widened();
        double[] first = new double[Count];
        OptimizerLoops.Adam(
            parameter, _gradient.Data, first, new double[Count],
            s_step.LearningRate, s_step.Beta1, s_step.Beta2, s_step.Epsilon, s_step.WeightDecay, s_step.GradientScale, s_step.Step);
        Adam();
        Tolerance.Golden("parameter after Adam", _parameter.Data, parameter);
        OptimizerLoops.Momentum(parameter, _gradient.Data, first, LearningRate, Momentum, nesterov: false, 0, 1);
        MomentumStep();
        Tolerance.Golden("parameter after momentum", _parameter.Data, parameter);
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop() => OptimizerLoops.Adam(
        _parameter.Data, _gradient.Data, _first.Data, _second.Data,
        s_step.LearningRate, s_step.Beta1, s_step.Beta2, s_step.Epsilon, s_step.WeightDecay, s_step.GradientScale, s_step.Step);

    [Benchmark]
    public void Adam() => OptimizerStep.Adam(_parameter.Write, _gradient.Read, _first.Write, _second.Write, s_step);

    [Benchmark]
    public void MomentumStep() => OptimizerStep.Momentum(
        _parameter.Write, _gradient.Read, _first.Write, LearningRate, Momentum, nesterov: false, weightDecay: 0, gradientScale: 1);
}
