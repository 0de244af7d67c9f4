using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What do keys and biases of all distances (Dai et al. 2019) cost beside attention without?</summary>
public class TransformerXlBenchmarks : ICountedBenchmark
{
    private Problem _problem = null!;
    private Numbers _query = null!;
    private Numbers _key = null!;
    private Numbers _value = null!;
    private Numbers _outputGradient = null!;
    private Numbers _relativeKey = null!;
    private Numbers _contentBias = null!;
    private Numbers _positionBias = null!;
    private Numbers _output = null!;
    private Numbers _queryGradient = null!;
    private Numbers _keyGradient = null!;
    private Numbers _valueGradient = null!;
    private Numbers _relativeKeyGradient = null!;
    private Numbers _contentBiasGradient = null!;
    private Numbers _positionBiasGradient = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    public static IEnumerable<Size> Sizes => [new(64, 64), new(512, 64), new(331, 45)];

    // The products of attention alone, as in the baseline, so that the rates compare.
    public double Operations => Problem.ForwardOperations((double)Size.Length * Size.Length, Size.HeadSize);

    [GlobalSetup]
    public void Setup()
    {
        _problem = Problem.Square(Size);
        AttentionShape shape = _problem.Shape;
        nint rows = (2 * Size.Length) - 1;
        _query = new Numbers(_problem.Inputs.Query, shape.QueryLengths);
        _key = new Numbers(_problem.Inputs.Key, shape.KeyLengths);
        _value = new Numbers(_problem.Inputs.Value, shape.ValueLengths);
        _outputGradient = new Numbers(_problem.Inputs.OutputGradient!, shape.OutputLengths);
        _relativeKey = Numbers.Random(2, shape.Heads, rows, shape.HeadSize);
        _contentBias = Numbers.Random(3, shape.Heads, shape.HeadSize);
        _positionBias = Numbers.Random(4, shape.Heads, shape.HeadSize);
        _output = Numbers.Room(shape.OutputLengths);
        _queryGradient = Numbers.Room(shape.QueryLengths);
        _keyGradient = Numbers.Room(shape.KeyLengths);
        _valueGradient = Numbers.Room(shape.ValueLengths);
        _relativeKeyGradient = Numbers.Room(shape.Heads, rows, shape.HeadSize);
        _contentBiasGradient = Numbers.Room(shape.Heads, shape.HeadSize);
        _positionBiasGradient = Numbers.Room(shape.Heads, shape.HeadSize);
        WithoutDistances();
        _problem.RequireOutput();
        Forward();
        Backward();
        RequireResults();
    }

    [Benchmark(Baseline = true)]
    public void WithoutDistances() => _problem.Forward(default(NoMask), default(NoModifier));

    [Benchmark]
    public void Forward() => TransformerXlAttention.Forward(
        _query.Read, _key.Read, _value.Read, _relativeKey.Read, _contentBias.Read, _positionBias.Read, default(NoMask), _output.Write);

    [Benchmark]
    public void Backward() => TransformerXlAttention.Backward(
        _query.Read, _key.Read, _value.Read, _relativeKey.Read, _contentBias.Read, _positionBias.Read, default(NoMask),
        _outputGradient.Read, default, _queryGradient.Write, _keyGradient.Write, _valueGradient.Write,
        _relativeKeyGradient.Write, _contentBiasGradient.Write, _positionBiasGradient.Write);

    private void RequireResults()
    {
        // Row 0 is the farthest key behind the last query.
        RelativeAttentionProblem<float> problem = new(
            _problem.Inputs, (2 * Size.Length) - 1, (query, key) => Size.Length - 1 - query + key)
        {
            KeyTableHeads = _problem.Shape.Heads,
            KeyTable = _relativeKey.Data,
            ContentBias = _contentBias.Data,
            PositionBias = _positionBias.Data,
        };
        RelativeAttentionLoops<double> reference = RelativeAttentionLoops<double>.Run(problem.To<double>());
        RelativeAttentionLoops<float> plain = RelativeAttentionLoops<float>.Run(problem);
        Require("output", _output, reference.Output, plain.Output);
        Require("query gradient", _queryGradient, reference.Query, plain.Query);
        Require("key gradient", _keyGradient, reference.Key, plain.Key);
        Require("value gradient", _valueGradient, reference.Value, plain.Value);
        Require("relative key's gradient", _relativeKeyGradient, reference.KeyTable, plain.KeyTable);
        Require("content bias's gradient", _contentBiasGradient, reference.ContentBias, plain.ContentBias);
        Require("position bias's gradient", _positionBiasGradient, reference.PositionBias, plain.PositionBias);
    }

    private void Require(string name, Numbers actual, RelativeTensor<double> reference, RelativeTensor<float> plain) =>
        Tolerance.Mechanism(name, actual.Data, reference.Sums, plain.Sums, reference.Sensitivity, _problem.Shape.RowCount);
}
