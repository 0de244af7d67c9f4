using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>
/// What does attention to a window of 21 keys around a position of each query (Luong et al. 2015) cost? The rate counts the pairs in
/// windows, so that equal rates mean a cost per query that does not depend on the length.
/// </summary>
public class LocalAttentionBenchmarks : ICountedBenchmark
{
    private const int HalfWidth = 10;

    private static readonly AttentionOptions s_options = new() { Scale = 1 };

    private AttentionProblem<float> _inputs = null!;
    private Numbers _query = null!;
    private Numbers _key = null!;
    private Numbers _value = null!;
    private Numbers _position = null!;
    private Numbers _outputGradient = null!;
    private Numbers _output = null!;
    private Numbers _queryGradient = null!;
    private Numbers _keyGradient = null!;
    private Numbers _valueGradient = null!;
    private Numbers _positionGradient = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    public static IEnumerable<Size> Sizes => [new(64, 64), new(1024, 64), new(4096, 64), new(331, 45)];

    public double Operations => Problem.ForwardOperations((double)Size.Length * ((2 * HalfWidth) + 1), Size.HeadSize);

    [GlobalSetup]
    public void Setup()
    {
        AttentionShape shape = new(1, Problem.Heads, Problem.Heads, Size.Length, Size.Length, Size.HeadSize, Size.HeadSize);
        _inputs = AttentionProblems.Random(shape, queryFactor: 0.2f) with { Scale = 1 };
        _query = new Numbers(_inputs.Query, shape.QueryLengths);
        _key = new Numbers(_inputs.Key, shape.KeyLengths);
        _value = new Numbers(_inputs.Value, shape.ValueLengths);
        _outputGradient = new Numbers(_inputs.OutputGradient!, shape.OutputLengths);
        _output = Numbers.Room(shape.OutputLengths);
        _queryGradient = Numbers.Room(shape.QueryLengths);
        _keyGradient = Numbers.Room(shape.KeyLengths);
        _valueGradient = Numbers.Room(shape.ValueLengths);
        _positionGradient = Numbers.Room(1, Size.Length);

        // Positions that go with the queries and stray a little, as those of translations do.
        float[] strays = AttentionProblems.Normal(new Random(2), Size.Length, 3);
        float[] positions = [.. strays.Select((stray, query) => Math.Clamp(query + stray, 0, Size.Length))];
        _position = new Numbers(positions, 1, Size.Length);
        WidthConfig.RequireWidth();
        Forward();
        Backward();
        RequireResults();
    }

    [Benchmark(Baseline = true)]
    public void Forward() => LocalAttention.Forward(
        _query.Read, _key.Read, _value.Read, _position.Read, new LocalWindow(HalfWidth, IsGaussian: true), _output.Write, s_options);

    [Benchmark]
    public void Backward() => LocalAttention.Backward(
        _query.Read, _key.Read, _value.Read, _position.Read, new LocalWindow(HalfWidth, IsGaussian: true), default(NoMask), _outputGradient.Read,
        default, _queryGradient.Write, _keyGradient.Write, _valueGradient.Write, _positionGradient.Write, s_options);

    private void RequireResults()
    {
        LocalAttentionProblem<float> problem = new(_inputs, _position.Data, HalfWidth, true);
        LocalAttentionLoops<double> reference = LocalAttentionLoops<double>.Run(problem.To<double>());
        LocalAttentionLoops<float> plain = LocalAttentionLoops<float>.Run(problem);
        Require("output", _output, reference.Output, plain.Output);
        Require("query gradient", _queryGradient, reference.Query, plain.Query);
        Require("key gradient", _keyGradient, reference.Key, plain.Key);
        Require("value gradient", _valueGradient, reference.Value, plain.Value);
        Require("position gradient", _positionGradient, reference.Position, plain.Position);
    }

    private void Require(string name, Numbers actual, RelativeTensor<double> reference, RelativeTensor<float> plain) =>
        Tolerance.Mechanism(name, actual.Data, reference.Sums, plain.Sums, reference.Sensitivity, _inputs.Shape.RowCount);
}
