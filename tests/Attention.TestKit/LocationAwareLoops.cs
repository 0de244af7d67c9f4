using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Location-aware attention as plain loops, forward and backward, in any precision: in double the reference, in float the yardstick
/// of accuracy.
/// </summary>
public sealed class LocationAwareLoops<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly LocationAwareProblem<T> _problem;
    private readonly Func<T, T> _round;
    private readonly T[] _sums;
    private readonly bool[] _isSeen;
    private readonly T[] _signals;
    private readonly T[] _features;
    private readonly T[] _hidden;
    private readonly T[] _scores;

    private LocationAwareLoops(LocationAwareProblem<T> problem, Func<T, T> round)
    {
        _problem = problem;
        _round = round;
        int steps = problem.Batch * problem.QueryLength;
        _sums = new T[problem.KeyLength];
        _isSeen = new bool[steps * problem.KeyLength];
        _signals = new T[steps * problem.KeyLength];
        _features = new T[steps * problem.KeyLength * problem.Features];
        _hidden = new T[steps * problem.KeyLength * problem.HiddenSize];
        _scores = new T[steps * problem.KeyLength];
        Context = new T[steps * problem.ValueSize];
        Alignments = new T[steps * problem.KeyLength];
        Query = new T[problem.Query.Length];
        Key = new T[problem.Key.Length];
        Value = new T[problem.Value.Length];
        ScoreVector = new T[problem.HiddenSize];
        Filters = new T[problem.Filters?.Length ?? 0];
        Projection = new T[problem.Projection.Length];
        ScoreBias = new T[problem.ScoreBias?.Length ?? 0];
        Initial = new T[problem.Initial?.Length ?? 0];
    }

    public T[] Context { get; }

    public T[] Alignments { get; }

    /// <summary>The gradients, from here on.</summary>
    public T[] Query { get; }

    public T[] Key { get; }

    public T[] Value { get; }

    public T[] ScoreVector { get; }

    public T[] Filters { get; }

    public T[] Projection { get; }

    public T[] ScoreBias { get; }

    public T[] Initial { get; }

    /// <summary>All results by name, in one order.</summary>
    public IEnumerable<(string Name, T[] Numbers)> Results =>
    [
        ("context", Context), ("alignments", Alignments), ("query's gradient", Query), ("key's gradient", Key), ("value's gradient", Value),
        ("score vector's gradient", ScoreVector), ("filters' gradient", Filters), ("projection's gradient", Projection),
        ("score bias' gradient", ScoreBias), ("initial alignment's gradient", Initial),
    ];

    /// <summary>Computes everything, gradients only where the problem has one of the context.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="round">Applied to every number computed; null for nothing.</param>
    public static LocationAwareLoops<T> Run(LocationAwareProblem<T> problem, Func<T, T>? round = null)
    {
        LocationAwareLoops<T> loops = new(problem, round ?? (static x => x));
        for (int batch = 0; batch < problem.Batch; batch++)
        {
            loops.Forward(batch);
            if (problem.ContextGradient is not null)
            {
                loops.Backward(batch);
            }
        }

        return loops;
    }

    private void Forward(int batch)
    {
        for (int key = 0; key < _problem.KeyLength; key++)
        {
            _sums[key] = _problem.Initial is T[] initial ? initial[(batch * _problem.KeyLength) + key] : T.Zero;
        }

        for (int query = 0; query < _problem.QueryLength; query++)
        {
            int row = ((batch * _problem.QueryLength) + query) * _problem.KeyLength;
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                _isSeen[row + key] = _problem.Mask is null || _problem.Mask(batch, query, key);
                _signals[row + key] = _isSeen[row + key] ? _sums[key] : T.Zero;
            }

            bool[] inWindow = Window(row);
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                _isSeen[row + key] &= inWindow[key];
                if (_isSeen[row + key])
                {
                    Score(batch, query, key, row);
                }
            }

            Normalize(row);
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                T weight = Alignments[row + key];
                _sums[key] = _problem.IsAccumulated ? _round(_sums[key] + weight) : weight;
                for (int c = 0; c < _problem.ValueSize && _isSeen[row + key]; c++)
                {
                    Add(Context, (row / _problem.KeyLength * _problem.ValueSize) + c, weight * _problem.Value[ValueStart(batch, key) + c]);
                }
            }
        }
    }

    private bool[] Window(int row)
    {
        bool[] inside = new bool[_problem.KeyLength];
        if (!_problem.HasWindow)
        {
            Array.Fill(inside, true);
            return inside;
        }

        double weight = 0;
        double moment = 0;
        for (int key = 0; key < inside.Length; key++)
        {
            weight += double.CreateChecked(_signals[row + key]);
            moment += key * double.CreateChecked(_signals[row + key]);
        }

        if (!(weight > 0))
        {
            return inside;
        }

        double center = moment / weight;
        double before = 0;
        for (int key = 0; key < inside.Length && _problem.IsMedian; key++)
        {
            before += double.CreateChecked(_signals[row + key]);
            if (before >= weight / 2)
            {
                center = key;
                break;
            }
        }

        for (int key = 0; key < inside.Length; key++)
        {
            inside[key] = Math.Floor(center - _problem.Before) < key && key < Math.Ceiling(center + _problem.After);
        }

        return inside;
    }

    private void Score(int batch, int query, int key, int row)
    {
        for (int feature = 0; feature < _problem.Features; feature++)
        {
            for (int tap = 0; tap < _problem.Width; tap++)
            {
                int source = key + tap - ((_problem.Width - 1) / 2);
                if (source >= 0 && source < _problem.KeyLength)
                {
                    Add(_features, FeaturePlace(row, key, feature), FilterAt(feature, tap) * _signals[row + source]);
                }
            }
        }

        T score = _problem.ScoreBias is T[] bias ? bias[0] : T.Zero;
        for (int i = 0; i < _problem.HiddenSize; i++)
        {
            T sum = _problem.Query[QueryStart(batch, query) + i] + _problem.Key[KeyStart(batch, key) + i];
            for (int feature = 0; feature < _problem.Features; feature++)
            {
                sum = _round(sum + (_problem.Projection[(i * _problem.Features) + feature] * _features[FeaturePlace(row, key, feature)]));
            }

            T hidden = _round(T.Tanh(sum));
            _hidden[((row + key) * _problem.HiddenSize) + i] = hidden;
            score = _round(score + (_problem.ScoreVector[i] * hidden));
        }

        _scores[row + key] = _round(T.CreateTruncating(_problem.Sharpness) * score);
    }

    private void Normalize(int row)
    {
        T maximum = T.NegativeInfinity;
        for (int key = 0; key < _problem.KeyLength; key++)
        {
            maximum = _isSeen[row + key] && _scores[row + key] > maximum ? _scores[row + key] : maximum;
        }

        T sum = T.Zero;
        for (int key = 0; key < _problem.KeyLength; key++)
        {
            if (_isSeen[row + key])
            {
                T score = _scores[row + key];
                Alignments[row + key] = _round(_problem.IsSigmoid ? T.One / (T.One + T.Exp(-score)) : T.Exp(score - maximum));
                sum = _round(sum + Alignments[row + key]);
            }
        }

        for (int key = 0; key < _problem.KeyLength && sum > T.Zero; key++)
        {
            Alignments[row + key] = _round(Alignments[row + key] / sum);
        }
    }

    private void Backward(int batch)
    {
        T[] carried = new T[_problem.KeyLength];
        T[] gradients = new T[_problem.KeyLength];
        for (int query = _problem.QueryLength - 1; query >= 0; query--)
        {
            int row = ((batch * _problem.QueryLength) + query) * _problem.KeyLength;
            T through = T.Zero;
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                gradients[key] = carried[key] + (_problem.AlignmentGradient is T[] given && _isSeen[row + key] ? given[row + key] : T.Zero);
                for (int c = 0; c < _problem.ValueSize && _isSeen[row + key]; c++)
                {
                    T gradient = _problem.ContextGradient![(row / _problem.KeyLength * _problem.ValueSize) + c];
                    gradients[key] = _round(gradients[key] + (gradient * _problem.Value[ValueStart(batch, key) + c]));
                    Add(Value, ValueStart(batch, key) + c, Alignments[row + key] * gradient);
                }

                through = _round(through + (Alignments[row + key] * gradients[key]));
            }

            if (!_problem.IsAccumulated)
            {
                Array.Clear(carried);
            }

            T[] arriving = new T[_problem.KeyLength];
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                if (_isSeen[row + key])
                {
                    T slope = _problem.IsSigmoid ? T.One / (T.One + T.Exp(_scores[row + key])) : T.One;
                    T score = T.CreateTruncating(_problem.Sharpness) * slope * Alignments[row + key] * (gradients[key] - through);
                    AddScore(batch, query, key, row, _round(score), arriving);
                }
            }

            for (int key = 0; key < _problem.KeyLength && !_problem.StopsAlignments; key++)
            {
                // What the mask hid was read as a constant.
                bool isRead = _problem.Mask is null || _problem.Mask(batch, query, key);
                carried[key] = isRead ? _round(carried[key] + arriving[key]) : carried[key];
            }
        }

        for (int key = 0; key < _problem.KeyLength && _problem.Initial is not null; key++)
        {
            Initial[(batch * _problem.KeyLength) + key] = carried[key];
        }
    }

    private void AddScore(int batch, int query, int key, int row, T gradient, T[] arriving)
    {
        if (_problem.ScoreBias is not null)
        {
            Add(ScoreBias, 0, gradient);
        }

        T[] features = new T[_problem.Features];
        for (int i = 0; i < _problem.HiddenSize; i++)
        {
            T hidden = _hidden[((row + key) * _problem.HiddenSize) + i];
            T z = _round(gradient * _problem.ScoreVector[i] * (T.One - (hidden * hidden)));
            Add(ScoreVector, i, gradient * hidden);
            Add(Query, QueryStart(batch, query) + i, z);
            Add(Key, KeyStart(batch, key) + i, z);
            for (int feature = 0; feature < _problem.Features; feature++)
            {
                Add(Projection, (i * _problem.Features) + feature, z * _features[FeaturePlace(row, key, feature)]);
                Add(features, feature, z * _problem.Projection[(i * _problem.Features) + feature]);
            }
        }

        for (int feature = 0; feature < _problem.Features; feature++)
        {
            for (int tap = 0; tap < _problem.Width; tap++)
            {
                int source = key + tap - ((_problem.Width - 1) / 2);
                if (source >= 0 && source < _problem.KeyLength)
                {
                    Add(arriving, source, FilterAt(feature, tap) * features[feature]);
                    if (_problem.Filters is not null)
                    {
                        Add(Filters, FilterPlace(feature, tap), features[feature] * _signals[row + source]);
                    }
                }
            }
        }
    }

    private void Add(T[] sums, int place, T term) => sums[place] = _round(sums[place] + _round(term));

    private T FilterAt(int feature, int tap) => _problem.Filters is T[] filters ? filters[FilterPlace(feature, tap)] : T.One;

    private int FilterPlace(int feature, int tap) => (feature * _problem.Width) + (_problem.IsFlipped ? _problem.Width - 1 - tap : tap);

    private int FeaturePlace(int row, int key, int feature) => ((row + key) * _problem.Features) + feature;

    private int QueryStart(int batch, int query) => ((batch * _problem.QueryLength) + query) * _problem.HiddenSize;

    private int KeyStart(int batch, int key) => ((batch * _problem.KeyLength) + key) * _problem.HiddenSize;

    private int ValueStart(int batch, int key) => ((batch * _problem.KeyLength) + key) * _problem.ValueSize;
}
