using Attention.Benchmarks.Setup;
using Attention.Operators;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast are activation functions and their gradients, by the number?</summary>
public class ActivationBenchmarks : ICountedBenchmark
{
    private Numbers _input = null!;
    private Numbers _gradient = null!;
    private Numbers _output = null!;

    [Params(256, 1 << 20, 4099)]
    public int Count { get; set; }

    [ParamsAllValues]
    public ActivationKind Kind { get; set; }

    // Counted as one operation for each number.
    public double Operations => Count;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        _input = Numbers.Random(1, Count);
        _gradient = Numbers.Random(2, Count);
        _output = Numbers.Room(Count);
        Forward();
        Tolerance.Golden("output", _output.Data, Array.ConvertAll(_input.Widened(), x => OperatorLoops.Activate(Kind, x)));
        Backward();
        double[] gradient = _gradient.Widened();
        Tolerance.Golden(
            "gradient", _output.Data, [.. _input.Widened().Select((x, i) => gradient[i] * OperatorLoops.ActivateDerivative(Kind, x))]);
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop()
    {
        for (int i = 0; i < Count; i++)
        {
            _output.Data[i] = OperatorLoops.Activate(Kind, _input.Data[i]);
        }
    }

    [Benchmark]
    public void Forward() => Activation.Forward(Kind, _input.Read, _output.Write);

    [Benchmark]
    public void Backward() => Activation.Backward(Kind, _input.Read, _gradient.Read, _output.Write);
}
