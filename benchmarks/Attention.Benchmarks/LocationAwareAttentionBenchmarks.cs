using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What does location-aware attention cost: all steps at once, one step, and all gradients?</summary>
public class LocationAwareAttentionBenchmarks : ICountedBenchmark
{
    private const int Steps = 16;
    private const int Filters = 10;
    private const int Width = 31;

    private LocationAwareProblem<float> _problem = null!;
    private Numbers _query = null!;
    private Numbers _firstQuery = null!;
    private Numbers _key = null!;
    private Numbers _value = null!;
    private Numbers _scoreVector = null!;
    private Numbers _filters = null!;
    private Numbers _projection = null!;
    private Numbers _initial = null!;
    private Numbers _contextGradient = null!;
    private Numbers _context = null!;
    private Numbers _alignments = null!;
    private Numbers _firstContext = null!;
    private Numbers _firstAlignment = null!;
    private Numbers _queryGradient = null!;
    private Numbers _keyGradient = null!;
    private Numbers _valueGradient = null!;
    private Numbers _scoreVectorGradient = null!;
    private Numbers _filterGradient = null!;
    private Numbers _projectionGradient = null!;
    private Numbers _initialGradient = null!;

    [ParamsSource(nameof(Sizes))]
    public Size Size { get; set; } = null!;

    // Keys, and hidden numbers as many as numbers of a value.
    public static IEnumerable<Size> Sizes => [new(64, 64), new(512, 128), new(331, 45)];

    // Of the forward pass over all steps: convolution, features to hidden numbers, score, context; tanh is not counted.
    public double Operations => 2.0 * Steps * Size.Length * ((Filters * Width) + (Size.HeadSize * (Filters + 2)));

    [GlobalSetup]
    public void Setup()
    {
        (int keys, int size) = (Size.Length, Size.HeadSize);
        _query = Numbers.Random(1, 1, Steps, size);
        _firstQuery = new Numbers(_query.Data[..size], 1, 1, size);
        _key = Numbers.Random(2, 1, keys, size);
        _value = Numbers.Random(3, 1, keys, size);
        _scoreVector = Numbers.Random(4, size);
        _filters = Numbers.Random(5, Filters, Width);
        _projection = Numbers.Random(6, size, Filters);
        _initial = Numbers.Room(1, keys);
        _contextGradient = Numbers.Random(7, 1, Steps, size);
        _context = Numbers.Room(1, Steps, size);
        _alignments = Numbers.Room(1, Steps, keys);
        _firstContext = Numbers.Room(1, 1, size);
        _firstAlignment = Numbers.Room(1, 1, keys);
        _queryGradient = Numbers.Room(1, Steps, size);
        _keyGradient = Numbers.Room(1, keys, size);
        _valueGradient = Numbers.Room(1, keys, size);
        _scoreVectorGradient = Numbers.Room(size);
        _filterGradient = Numbers.Room(Filters, Width);
        _projectionGradient = Numbers.Room(size, Filters);
        _initialGradient = Numbers.Room(1, keys);
        LocationAwareAttention.StartAtFirstKey(_initial.Write);
        _problem = new LocationAwareProblem<float>(1, Steps, keys, size, size, Filters, Width)
        {
            Query = _query.Data,
            Key = _key.Data,
            Value = _value.Data,
            ScoreVector = _scoreVector.Data,
            Filters = _filters.Data,
            Projection = _projection.Data,
            Initial = _initial.Data,
            ContextGradient = _contextGradient.Data,
        };
        Forward();
        Step();
        Backward();
        RequireResults();
    }

    [Benchmark(Baseline = true)]
    public void Forward() => LocationAwareAttention.Forward(
        _query.Read, _key.Read, _value.Read, Weights(), _initial.Read, _context.Write, _alignments.Write);

    [Benchmark]
    public void Step() => LocationAwareAttention.Forward(
        _firstQuery.Read, _key.Read, _value.Read, Weights(), _initial.Read, _firstContext.Write, _firstAlignment.Write);

    [Benchmark]
    public void Backward() => LocationAwareAttention.Backward(
        _query.Read, _key.Read, _value.Read, Weights(), _initial.Read, default(NoMask), _alignments.Read, _contextGradient.Read, default,
        _queryGradient.Write, _keyGradient.Write, _valueGradient.Write,
        new LocationWeightGradients
        {
            ScoreVector = _scoreVectorGradient.Write,
            Filters = _filterGradient.Write,
            Projection = _projectionGradient.Write,
        },
        _initialGradient.Write);

    private LocationWeights Weights() => new() { ScoreVector = _scoreVector.Read, Filters = _filters.Read, Projection = _projection.Read };

    private void RequireResults()
    {
        LocationAwareProblem<double> precise = _problem.To<double>();
        double[][] reference = Results(LocationAwareLoops<double>.Run(precise));
        double[] sensitivities = RoundingNoise.Sensitivities(reference, round => Results(LocationAwareLoops<double>.Run(precise, round)));
        float[][] plain = Results(LocationAwareLoops<float>.Run(_problem));
        Numbers[] actual =
        [
            _context, _alignments, _queryGradient, _keyGradient, _valueGradient, _scoreVectorGradient, _filterGradient,
            _projectionGradient, Numbers.Room(0), _initialGradient,
        ];
        for (int i = 0; i < actual.Length; i++)
        {
            Tolerance.Mechanism($"result {i}", actual[i].Data, reference[i], plain[i], sensitivities[i], Steps);
        }

        Tolerance.SameBits("first alignment", _firstAlignment.Data, _alignments.Data.AsSpan(0, Size.Length));
    }

    private static T[][] Results<T>(LocationAwareLoops<T> loops)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> => [.. loops.Results.Select(result => result.Numbers)];
}
