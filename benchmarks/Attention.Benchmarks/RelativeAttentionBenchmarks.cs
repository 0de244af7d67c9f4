using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What do tables of clipped distances (Shaw et al. 2018) cost beside attention without?</summary>
public class RelativeAttentionBenchmarks : ICountedBenchmark
{
    private const int Reach = 16;

    private Problem _problem = null!;
    private Numbers _query = null!;
    private Numbers _key = null!;
    private Numbers _value = null!;
    private Numbers _outputGradient = null!;
    private Numbers _keyTable = null!;
    private Numbers _valueTable = null!;
    private Numbers _output = null!;
    private Numbers _queryGradient = null!;
    private Numbers _keyGradient = null!;
    private Numbers _valueGradient = null!;
    private Numbers _keyTableGradient = null!;
    private Numbers _valueTableGradient = null!;

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
        _query = new Numbers(_problem.Inputs.Query, shape.QueryLengths);
        _key = new Numbers(_problem.Inputs.Key, shape.KeyLengths);
        _value = new Numbers(_problem.Inputs.Value, shape.ValueLengths);
        _outputGradient = new Numbers(_problem.Inputs.OutputGradient!, shape.OutputLengths);
        _keyTable = Numbers.Random(2, (2 * Reach) + 1, shape.HeadSize);
        _valueTable = Numbers.Random(3, (2 * Reach) + 1, shape.ValueSize);
        _output = Numbers.Room(shape.OutputLengths);
        _queryGradient = Numbers.Room(shape.QueryLengths);
        _keyGradient = Numbers.Room(shape.KeyLengths);
        _valueGradient = Numbers.Room(shape.ValueLengths);
        _keyTableGradient = Numbers.Room((2 * Reach) + 1, shape.HeadSize);
        _valueTableGradient = Numbers.Room((2 * Reach) + 1, shape.ValueSize);
        WithoutTables();
        _problem.RequireOutput();
        Forward();
        Backward();
        RequireResults();
    }

    [Benchmark(Baseline = true)]
    public void WithoutTables() => _problem.Forward(default(NoMask), default(NoModifier));

    [Benchmark]
    public void Forward() => RelativeAttention.Forward(_query.Read, _key.Read, _value.Read, Tables(), _output.Write);

    [Benchmark]
    public void Backward() => RelativeAttention.Backward(
        _query.Read, _key.Read, _value.Read, Tables(), _outputGradient.Read, _queryGradient.Write, _keyGradient.Write, _valueGradient.Write,
        new RelativeTableGradients { Key = _keyTableGradient.Write, Value = _valueTableGradient.Write });

    private RelativeTables Tables() => new() { Key = _keyTable.Read, Value = _valueTable.Read };

    private void RequireResults()
    {
        RelativeAttentionProblem<float> problem = new(
            _problem.Inputs, (2 * Reach) + 1, (query, key) => Math.Clamp(key - query, -Reach, Reach) + Reach)
        {
            KeyTable = _keyTable.Data,
            ValueTable = _valueTable.Data,
        };
        RelativeAttentionLoops<double> reference = RelativeAttentionLoops<double>.Run(problem.To<double>());
        RelativeAttentionLoops<float> plain = RelativeAttentionLoops<float>.Run(problem);
        Require("output", _output, reference.Output, plain.Output);
        Require("query gradient", _queryGradient, reference.Query, plain.Query);
        Require("key gradient", _keyGradient, reference.Key, plain.Key);
        Require("value gradient", _valueGradient, reference.Value, plain.Value);
        Require("key table's gradient", _keyTableGradient, reference.KeyTable, plain.KeyTable);
        Require("value table's gradient", _valueTableGradient, reference.ValueTable, plain.ValueTable);
    }

    private void Require(string name, Numbers actual, RelativeTensor<double> reference, RelativeTensor<float> plain) =>
        Tolerance.Mechanism(name, actual.Data, reference.Sums, plain.Sums, reference.Sensitivity, _problem.Shape.RowCount);
}
