using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast are the recurrent cells over whole sequences, forward, and back through time with all gradients?</summary>
public class RecurrentBenchmarks : ICountedBenchmark
{
    private const int Batch = 32;

    private Numbers _inputGates = null!;
    private Numbers _weight = null!;
    private Numbers _bias = null!;
    private Numbers _outputGradient = null!;
    private Numbers _output = null!;
    private Numbers _trace = null!;
    private Numbers _inputGatesGradient = null!;
    private Numbers _weightGradient = null!;
    private Numbers _biasGradient = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    [Params(RecurrentCell.GruResetAfter, RecurrentCell.GruResetBefore, RecurrentCell.Lstm)]
    public RecurrentCell Cell { get; set; }

    // Length and numbers of a state.
    public static IEnumerable<Size> Sizes => [new(8, 64), new(50, 256), new(13, 92)];

    // The recurrent product forward; both rows of a size count that.
    public double Operations => 2.0 * Batch * Size.Length * GatedRecurrence.Gates(Cell) * Size.HeadSize * Size.HeadSize;

    private RecurrenceOptions Options => new() { Cell = Cell };

    [GlobalSetup]
    public void Setup()
    {
        (int length, int size, int gates) = (Size.Length, Size.HeadSize, GatedRecurrence.Gates(Cell));
        _inputGates = Numbers.Random(1, Batch, length, gates * size);
        _weight = Numbers.Random(2, gates * size, size);
        for (int i = 0; i < _weight.Data.Length; i++)
        {
            _weight.Data[i] /= MathF.Sqrt(size);
        }

        _bias = Numbers.Random(3, gates * size);
        _outputGradient = Numbers.Random(4, Batch, length, size);
        _output = Numbers.Room(Batch, length, size);
        _trace = Numbers.Room(Batch, length, GatedRecurrence.TraceParts(Cell) * size);
        _inputGatesGradient = Numbers.Room(Batch, length, gates * size);
        _weightGradient = Numbers.Room(gates * size, size);
        _biasGradient = Numbers.Room(gates * size);
        Forward();
        Backward();
        RequireResults();
    }

    [Benchmark(Baseline = true)]
    public void Forward() => GatedRecurrence.Forward(
        _inputGates.Read, _weight.Read, _bias.Read, default, default, default, _output.Write, default, default, _trace.Write, Options);

    [Benchmark]
    public void Backward() => GatedRecurrence.Backward(
        _weight.Read, default, default, default, _output.Read, _trace.Read, _outputGradient.Read, default, default, _inputGatesGradient.Write,
        _weightGradient.Write, _biasGradient.Write, default, default, Options);

    private void RequireResults()
    {
        RecurrenceProblem<float> problem = new(Cell, Batch, Size.Length, Size.HeadSize)
        {
            InputGates = _inputGates.Data,
            Weight = _weight.Data,
            Bias = _bias.Data,
            OutputGradient = _outputGradient.Data,
        };
        RecurrenceLoops<double> reference = RecurrenceLoops<double>.Run(problem.To<double>());
        RecurrenceLoops<float> plain = RecurrenceLoops<float>.Run(problem);
        Require("output", _output, reference.Output, plain.Output);
        Require("input gates' gradient", _inputGatesGradient, reference.InputGates, plain.InputGates);
        Require("weight's gradient", _weightGradient, reference.Weight, plain.Weight);
        Require("bias's gradient", _biasGradient, reference.Bias, plain.Bias);
    }

    /// <summary>With so many elements the plain loop's error is typical, and no floor is needed.</summary>
    private static void Require(string name, Numbers actual, double[] reference, float[] plain) =>
        Tolerance.Mechanism(name, actual.Data, reference, plain, 0, Batch);
}
