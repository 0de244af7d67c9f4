using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What do sparse normalisers cost beside softmax?</summary>
public class NormalizedAttentionBenchmarks : ICountedBenchmark
{
    private Problem _problem = null!;
    private Numbers _query = null!;
    private Numbers _key = null!;
    private Numbers _value = null!;
    private Numbers _outputGradient = null!;
    private Numbers _output = null!;
    private Numbers _queryGradient = null!;
    private Numbers _keyGradient = null!;
    private Numbers _valueGradient = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    public static IEnumerable<Size> Sizes => [new(64, 64), new(512, 64), new(331, 45)];

    // The two products alone, as in the baseline, so that the rates compare.
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
        _output = Numbers.Room(shape.OutputLengths);
        _queryGradient = Numbers.Room(shape.QueryLengths);
        _keyGradient = Numbers.Room(shape.KeyLengths);
        _valueGradient = Numbers.Room(shape.ValueLengths);
        Softmax();
        _problem.RequireOutput();
        Sparsemax();
        Require("sparsemax", new(NormalizerKind.Sparsemax));
        Entmax();
        Require("entmax", new(NormalizerKind.Entmax, 1.5));
        Top16();
        Require("top-k", new(NormalizerKind.TopK, 16));
        EntmaxBackward();
    }

    [Benchmark(Baseline = true)]
    public void Softmax() => _problem.Forward(default(NoMask), default(NoModifier));

    [Benchmark]
    public void Sparsemax() => Forward(default(SparsemaxNormalizer));

    [Benchmark]
    public void Entmax() => Forward(new EntmaxNormalizer(1.5f));

    [Benchmark]
    public void Top16() => Forward(new TopKNormalizer(16));

    [Benchmark]
    public void EntmaxBackward() => NormalizedAttention.Backward(
        _query.Read, _key.Read, _value.Read, default(NoMask), default(NoModifier), new EntmaxNormalizer(1.5f), _outputGradient.Read,
        _queryGradient.Write, _keyGradient.Write, _valueGradient.Write);

    private void Forward<TNormalizer>(TNormalizer normalizer)
        where TNormalizer : struct, INormalizer =>
        NormalizedAttention.Forward(_query.Read, _key.Read, _value.Read, default(NoMask), default(NoModifier), normalizer, _output.Write);

    private void Require(string name, NormalizerReference normalizer)
    {
        NormalizedAttentionLoops<double> reference = NormalizedAttentionLoops<double>.Run(_problem.Inputs.To<double>(), normalizer);
        NormalizedAttentionLoops<float> plain = NormalizedAttentionLoops<float>.Run(_problem.Inputs, normalizer);
        Tolerance.Mechanism(name, _output.Data, reference.Output.Sums, plain.Output.Sums, reference.Output.Sensitivity, _problem.Shape.RowCount);
    }
}
