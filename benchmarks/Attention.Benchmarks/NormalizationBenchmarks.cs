using Attention.Benchmarks.Setup;
using Attention.Operators;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast are rows normalised, and what does the gradient of rows, weight and bias cost?</summary>
public class NormalizationBenchmarks : ICountedBenchmark
{
    private const float Epsilon = 1e-5f;

    private Numbers _input = null!;
    private Numbers _weight = null!;
    private Numbers _bias = null!;
    private Numbers _outputGradient = null!;
    private Numbers _output = null!;
    private Numbers _inputGradient = null!;
    private Numbers _weightGradient = null!;
    private Numbers _biasGradient = null!;

    [Params(16, 1024, 331)]
    public int Rows { get; set; }

    [Params(768, 333)]
    public int Columns { get; set; }

    [ParamsAllValues]
    public NormalizationKind Kind { get; set; }

    // Counted as one operation for each number.
    public double Operations => (double)Rows * Columns;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        _input = Numbers.Random(1, Rows, Columns);
        _weight = Numbers.Random(2, Columns);
        _bias = Numbers.Random(3, Columns);
        _outputGradient = Numbers.Random(4, Rows, Columns);
        _output = Numbers.Room(Rows, Columns);
        _inputGradient = Numbers.Room(Rows, Columns);
        _weightGradient = Numbers.Room(Columns);
        _biasGradient = Numbers.Room(Columns);
        Forward();
        Backward();
        RequireResults();
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop()
    {
        for (int row = 0; row < Rows; row++)
        {
            float[] normalised = OperatorLoops.Normalise(Kind, _input.Data.AsSpan(row * Columns, Columns), Epsilon, out _);
            for (int column = 0; column < Columns; column++)
            {
                _output.Data[row * Columns + column] = normalised[column] * _weight.Data[column] + _bias.Data[column];
            }
        }
    }

    [Benchmark]
    public void Forward() => Normalization.Forward(Kind, _input.Read, _weight.Data, _bias.Data, Epsilon, _output.Write);

    [Benchmark]
    public void Backward() => Normalization.Backward(
        Kind, _input.Read, _weight.Data, Epsilon, _outputGradient.Read, _inputGradient.Write, _weightGradient.Data, _biasGradient.Data);

    private void RequireResults()
    {
        double[] input = _input.Widened();
        double[] weight = _weight.Widened();
        double[] bias = _bias.Widened();
        double[] gradient = _outputGradient.Widened();
        double[] weightGradient = new double[Columns];
        double[] biasGradient = new double[Columns];
        List<double> output = [];
        List<double> inputGradient = [];
        for (int start = 0; start < input.Length; start += Columns)
        {
            ReadOnlySpan<double> row = input.AsSpan(start, Columns);
            output.AddRange(OperatorLoops.Normalise(Kind, row, Epsilon, out _).Select((x, i) => x * weight[i] + bias[i]));
            inputGradient.AddRange(OperatorLoops.NormaliseBackward(
                Kind, row, weight, Epsilon, gradient.AsSpan(start, Columns), weightGradient, biasGradient));
        }

        Tolerance.Golden("output", _output.Data, output.ToArray());
        Tolerance.Golden("input gradient", _inputGradient.Data, inputGradient.ToArray());
        Tolerance.Golden("weight gradient", _weightGradient.Data, weightGradient);
        Tolerance.Golden("bias gradient", _biasGradient.Data, biasGradient);
    }
}
