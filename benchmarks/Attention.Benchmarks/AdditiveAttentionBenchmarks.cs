using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is additive attention (Bahdanau et al. 2015), whose work is a tanh for every query, key and hidden unit?</summary>
public class AdditiveAttentionBenchmarks : ICountedBenchmark
{
    /// <summary>A tanh, the addition before it and the multiply-add after it, counted one by one.</summary>
    private const double OperationsOfATanh = 24;

    private AttentionProblem<float> _inputs = null!;
    private Numbers _query = null!;
    private Numbers _key = null!;
    private Numbers _scoreVector = null!;
    private Numbers _value = null!;
    private Numbers _outputGradient = null!;
    private Numbers _output = null!;
    private Numbers _logSumExp = null!;
    private Numbers _queryGradient = null!;
    private Numbers _keyGradient = null!;
    private Numbers _scoreVectorGradient = null!;
    private Numbers _valueGradient = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    public static IEnumerable<Size> Sizes => [new(64, 128), new(512, 128), new(331, 45)];

    public double Operations => OperationsOfATanh * Size.Length * Size.Length * Size.HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        AttentionShape shape = new(1, 1, 1, Size.Length, Size.Length, Size.HeadSize, Size.HeadSize);
        _inputs = AttentionProblems.Random(shape);
        _query = new Numbers(_inputs.Query, shape.QueryLengths);
        _key = new Numbers(_inputs.Key, shape.KeyLengths);
        _scoreVector = Numbers.Random(2, shape.HeadSize);
        _value = new Numbers(_inputs.Value, shape.ValueLengths);
        _outputGradient = new Numbers(_inputs.OutputGradient!, shape.OutputLengths);
        _output = Numbers.Room(shape.OutputLengths);
        _logSumExp = Numbers.Room(shape.RowLengths);
        _queryGradient = Numbers.Room(shape.QueryLengths);
        _keyGradient = Numbers.Room(shape.KeyLengths);
        _scoreVectorGradient = Numbers.Room(shape.HeadSize);
        _valueGradient = Numbers.Room(shape.ValueLengths);
        Forward();
        Backward();
        RequireResults();
    }

    [Benchmark]
    public void Forward() => AdditiveAttention.Forward(
        _query.Read, _key.Read, _scoreVector.Read, _value.Read, default(NoMask), _output.Write, _logSumExp.Write);

    [Benchmark]
    public void Backward() => AdditiveAttention.Backward(
        _query.Read, _key.Read, _scoreVector.Read, _value.Read, default(NoMask), _output.Read, _logSumExp.Read, _outputGradient.Read,
        _queryGradient.Write, _keyGradient.Write, _scoreVectorGradient.Write, _valueGradient.Write);

    private void RequireResults()
    {
        AdditiveAttentionProblem<float> problem = new(_inputs, _scoreVector.Data);
        AdditiveAttentionLoops<double> reference = AdditiveAttentionLoops<double>.Run(problem.To<double>());
        AdditiveAttentionLoops<float> plain = AdditiveAttentionLoops<float>.Run(problem);
        Require("output", _output, reference.Output, plain.Output);
        Require("query gradient", _queryGradient, reference.Query, plain.Query);
        Require("key gradient", _keyGradient, reference.Key, plain.Key);
        Require("score vector's gradient", _scoreVectorGradient, reference.ScoreVector, plain.ScoreVector);
        Require("value gradient", _valueGradient, reference.Value, plain.Value);
    }

    private void Require(string name, Numbers actual, RelativeTensor<double> reference, RelativeTensor<float> plain) =>
        Tolerance.Mechanism(name, actual.Data, reference.Sums, plain.Sums, reference.Sensitivity, Size.Length);
}
