using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A problem of location-aware attention in memory, and calls of it.</summary>
internal sealed class LocationAwareMemory : IDisposable
{
    private readonly LocationAwareProblem<float> _problem;
    private readonly List<TestOperand> _operands = [];
    private readonly TestOperand _query;
    private readonly TestOperand _key;
    private readonly TestOperand _value;
    private readonly TestOperand _scoreVector;
    private readonly TestOperand? _filters;
    private readonly TestOperand _projection;
    private readonly TestOperand? _scoreBias;
    private readonly TestOperand? _initial;
    private readonly TestOperand _context;
    private readonly TestOperand _alignments;
    private readonly TestOperand? _contextGradient;
    private readonly TestOperand? _alignmentGradient;
    private readonly TestOperand _queryGradient;
    private readonly TestOperand _keyGradient;
    private readonly TestOperand _valueGradient;
    private readonly TestOperand _scoreVectorGradient;
    private readonly TestOperand? _filterGradient;
    private readonly TestOperand _projectionGradient;
    private readonly TestOperand? _scoreBiasGradient;
    private readonly TestOperand? _initialGradient;

    public LocationAwareMemory(LocationAwareProblem<float> problem, bool guarded = false, bool isApart = false)
    {
        _problem = problem;
        nint[] query = [problem.Batch, problem.QueryLength, problem.HiddenSize];
        nint[] key = [problem.Batch, problem.KeyLength, problem.HiddenSize];
        nint[] value = [problem.Batch, problem.KeyLength, problem.ValueSize];
        nint[] context = [problem.Batch, problem.QueryLength, problem.ValueSize];
        nint[] alignments = [problem.Batch, problem.QueryLength, problem.KeyLength];
        nint[] initial = [problem.Batch, problem.KeyLength];
        nint[] filters = [problem.Features, problem.Width];
        nint[] projection = [problem.HiddenSize, problem.Features];
        _query = Make(query, problem.Query);
        _key = Make(key, problem.Key);
        _value = Make(value, problem.Value);
        _scoreVector = Make([problem.HiddenSize], problem.ScoreVector);
        _filters = problem.Filters is null ? null : Make(filters, problem.Filters);
        _projection = Make(projection, problem.Projection);
        _scoreBias = problem.ScoreBias is null ? null : Make([1], problem.ScoreBias);
        _initial = problem.Initial is null ? null : Make(initial, problem.Initial);
        _context = Make(context);
        _alignments = Make(alignments);
        _contextGradient = problem.ContextGradient is null ? null : Make(context, problem.ContextGradient);
        _alignmentGradient = problem.AlignmentGradient is null ? null : Make(alignments, problem.AlignmentGradient);
        _queryGradient = Make(query);
        _keyGradient = Make(key);
        _valueGradient = Make(value);
        _scoreVectorGradient = Make([problem.HiddenSize]);
        _filterGradient = problem.Filters is null ? null : Make(filters);
        _projectionGradient = Make(projection);
        _scoreBiasGradient = problem.ScoreBias is null ? null : Make([1]);
        _initialGradient = problem.Initial is null ? null : Make(initial);

        TestOperand Make(nint[] lengths, float[]? numbers = null)
        {
            TestOperand operand = isApart ? TestOperand.CreateApart(lengths, numbers) : TestOperand.Create(guarded, lengths, numbers);
            _operands.Add(operand);
            return operand;
        }
    }

    public float[] Context => _context.Gather();

    public float[] Alignments => _alignments.Gather();

    public void Forward<TMask>(in TMask mask, in LocationAwareOptions options = default)
        where TMask : struct, IAttentionMask => LocationAwareAttention.Forward(
            _query.Read(), _key.Read(), _value.Read(), Weights(), _initial is null ? default : _initial.Read(), mask, _context.Write(),
            _alignments.Write(), Choose(options));

    public void Backward<TMask>(in TMask mask, in LocationAwareOptions options = default)
        where TMask : struct, IAttentionMask => LocationAwareAttention.Backward(
            _query.Read(), _key.Read(), _value.Read(), Weights(), _initial is null ? default : _initial.Read(), mask, _alignments.Read(),
            _contextGradient!.Read(), _alignmentGradient is null ? default : _alignmentGradient.Read(), _queryGradient.Write(),
            _keyGradient.Write(), _valueGradient.Write(),
            new LocationWeightGradients
            {
                ScoreVector = _scoreVectorGradient.Write(),
                Filters = _filterGradient is null ? default : _filterGradient.Write(),
                Projection = _projectionGradient.Write(),
                ScoreBias = _scoreBiasGradient is null ? default : _scoreBiasGradient.Write(),
            },
            _initialGradient is null ? default : _initialGradient.Write(), Choose(options));

    /// <summary>All results, in the order of <see cref="LocationAwareLoops{T}.Results"/>.</summary>
    public IEnumerable<(string Name, float[] Numbers)> Results()
    {
        yield return ("context", Context);
        yield return ("alignments", Alignments);
        yield return ("query's gradient", _queryGradient.Gather());
        yield return ("key's gradient", _keyGradient.Gather());
        yield return ("value's gradient", _valueGradient.Gather());
        yield return ("score vector's gradient", _scoreVectorGradient.Gather());
        yield return ("filters' gradient", _filterGradient?.Gather() ?? []);
        yield return ("projection's gradient", _projectionGradient.Gather());
        yield return ("score bias' gradient", _scoreBiasGradient?.Gather() ?? []);
        yield return ("initial alignment's gradient", _initialGradient?.Gather() ?? []);
    }

    public void Dispose() => _operands.ForEach(operand => operand.Dispose());

    private LocationWeights Weights() => new()
    {
        ScoreVector = _scoreVector.Read(),
        Filters = _filters is null ? default : _filters.Read(),
        Projection = _projection.Read(),
        ScoreBias = _scoreBias is null ? default : _scoreBias.Read(),
    };

    private LocationAwareOptions Choose(in LocationAwareOptions options) => options with
    {
        Source = _problem.IsAccumulated ? LocationSource.AccumulatedAlignments : LocationSource.PreviousAlignment,
        Normalizer = _problem.IsSigmoid ? LocationNormalizer.Sigmoid : LocationNormalizer.Softmax,
        Sharpness = (float)_problem.Sharpness,
        FlipKernel = _problem.IsFlipped,
        StopAlignmentGradient = _problem.StopsAlignments,
        Window = new LocationWindow
        {
            Center = !_problem.HasWindow ? LocationWindowCenter.None : _problem.IsMedian ? LocationWindowCenter.Median : LocationWindowCenter.Mean,
            Before = (float)_problem.Before,
            After = (float)_problem.After,
        },
    };
}
