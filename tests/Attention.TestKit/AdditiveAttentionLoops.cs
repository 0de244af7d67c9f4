using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Additive attention as plain loops, forward and backward, in any precision: in double the reference, in float the yardstick of
/// accuracy.
/// </summary>
public sealed class AdditiveAttentionLoops<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly AdditiveAttentionProblem<T> _problem;
    private readonly AttentionProblem<T> _attention;
    private readonly AttentionShape _shape;
    private readonly T[] _weights;
    private readonly T[] _relative;
    private readonly bool[] _hidden;

    private AdditiveAttentionLoops(AdditiveAttentionProblem<T> problem)
    {
        _problem = problem;
        _attention = problem.Attention;
        _shape = _attention.Shape;
        _weights = new T[_shape.KeyLength];
        _relative = new T[_shape.KeyLength];
        _hidden = new bool[_shape.KeyLength];
        Output = new(_shape.OutputCount);
        LogSumExp = new(_shape.RowCount);
        Weights = new(_shape.ScoreCount);
        Query = new(_shape.QueryCount);
        Key = new(_shape.KeyCount);
        Value = new(_shape.ValueCount);
        ScoreVector = new(_shape.HeadSize);
    }

    public RelativeTensor<T> Output { get; }

    public RelativeTensor<T> LogSumExp { get; }

    /// <summary>Normalised, before dropout.</summary>
    public RelativeTensor<T> Weights { get; }

    /// <summary>The gradients, from here on.</summary>
    public RelativeTensor<T> Query { get; }

    public RelativeTensor<T> Key { get; }

    public RelativeTensor<T> Value { get; }

    public RelativeTensor<T> ScoreVector { get; }

    /// <summary>Computes everything, gradients only where the problem has one of the output.</summary>
    public static AdditiveAttentionLoops<T> Run(AdditiveAttentionProblem<T> problem)
    {
        AdditiveAttentionLoops<T> loops = new(problem);
        for (int batch = 0; batch < loops._shape.Batch; batch++)
        {
            for (int head = 0; head < loops._shape.Heads; head++)
            {
                for (int query = 0; query < loops._shape.QueryLength; query++)
                {
                    loops.Row(batch, head, query);
                }
            }
        }

        return loops;
    }

    private void Row(int batch, int head, int query)
    {
        int number = (((batch * _shape.Heads) + head) * _shape.QueryLength) + query;
        int keyStart = ((batch * _shape.KeyValueHeads) + (head / (_shape.Heads / _shape.KeyValueHeads))) * _shape.KeyLength;
        Weigh(batch, head, query, number, keyStart);
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            Weights.Add((number * _shape.KeyLength) + key, _weights[key], _weights[key] * _relative[key]);
            T kept = _weights[key] * Keep(batch, head, query, key);
            for (int c = 0; c < _shape.ValueSize && !T.IsZero(kept); c++)
            {
                T value = _attention.Value[((keyStart + key) * _shape.ValueSize) + c];
                Output.Add((number * _shape.ValueSize) + c, kept * value, kept * _relative[key] * value);
            }
        }

        if (_attention.OutputGradient is not null)
        {
            Backward(batch, head, query, number, keyStart);
        }
    }

    private void Weigh(int batch, int head, int query, int number, int keyStart)
    {
        T maximum = T.NegativeInfinity;
        bool isEmpty = true;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            _hidden[key] = _attention.Mask is ReferenceMask mask && !mask(batch, head, query, key);
            T score = T.Zero;
            T magnitude = T.Zero;
            for (int c = 0; c < _shape.HeadSize && !_hidden[key]; c++)
            {
                T tanh = Tanh(number, keyStart + key, c, out T uncertainty);
                score += _problem.ScoreVector[c] * tanh;
                magnitude += T.Abs(_problem.ScoreVector[c]) * (uncertainty + T.Abs(tanh));
            }

            _weights[key] = _hidden[key] ? T.NegativeInfinity : score;
            _relative[key] = magnitude + T.Abs(score);
            isEmpty &= _hidden[key];
            maximum = _weights[key] > maximum ? _weights[key] : maximum;
        }

        if (isEmpty)
        {
            Array.Clear(_weights);
            LogSumExp.Sums[number] = T.NegativeInfinity;
            return;
        }

        T sum = T.Zero;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            _weights[key] = _hidden[key] ? T.Zero : T.Exp(_weights[key] - maximum);
            sum += _weights[key];
        }

        T mean = T.Zero;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            _weights[key] /= sum;
            T share = _weights[key] * _relative[key];
            mean += share * share;
        }

        mean = T.Sqrt(mean);
        T logSumExp = maximum + T.Log(sum);
        LogSumExp.Add(number, logSumExp, mean + T.One + T.Abs(logSumExp));
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            _relative[key] += T.One + mean;
        }
    }

    private void Backward(int batch, int head, int query, int number, int keyStart)
    {
        T[] gradients = new T[_shape.KeyLength];
        T[] products = new T[_shape.KeyLength];
        T through = T.Zero;
        T uncertainty = T.Zero;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            T keep = Keep(batch, head, query, key);
            T kept = _weights[key] * keep;
            for (int c = 0; c < _shape.ValueSize && !_hidden[key] && !T.IsZero(keep); c++)
            {
                T gradient = _attention.OutputGradient![(number * _shape.ValueSize) + c];
                int place = ((keyStart + key) * _shape.ValueSize) + c;
                T product = keep * gradient * _attention.Value[place];
                gradients[key] += product;
                products[key] += T.Abs(product);
                Value.Add(place, kept * gradient, kept * gradient * _relative[key]);
            }

            if (!_hidden[key])
            {
                through -= _weights[key] * gradients[key];
                uncertainty += _weights[key] * products[key];
            }
        }

        for (int key = 0; key < _shape.KeyLength; key++)
        {
            if (!_hidden[key])
            {
                T weight = _weights[key];
                AddScore(number, keyStart + key, weight * (gradients[key] + through), weight * _relative[key] * (products[key] + uncertainty));
            }
        }
    }

    private void AddScore(int number, int key, T gradient, T uncertainty)
    {
        for (int c = 0; c < _shape.HeadSize; c++)
        {
            T tanh = Tanh(number, key, c, out T moved);
            T slope = _problem.ScoreVector[c] * (T.One - (tanh * tanh));
            T magnitude = T.Abs(_problem.ScoreVector[c] * tanh) * (T.Abs(tanh) + moved);
            T unsure = (uncertainty * T.Abs(slope)) + (T.Abs(gradient) * (T.Abs(slope) + magnitude + magnitude));
            ScoreVector.Add(c, gradient * tanh, (uncertainty * T.Abs(tanh)) + (T.Abs(gradient) * moved));
            Query.Add((number * _shape.HeadSize) + c, gradient * slope, unsure);
            Key.Add((key * _shape.HeadSize) + c, gradient * slope, unsure);
        }
    }

    /// <summary>The tanh of a hidden unit, and what rounding query and key does to it.</summary>
    private T Tanh(int number, int key, int c, out T uncertainty)
    {
        T query = _attention.Query[(number * _shape.HeadSize) + c];
        T keyNumber = _attention.Key[(key * _shape.HeadSize) + c];
        T tanh = T.Tanh(query + keyNumber);
        uncertainty = (T.One - (tanh * tanh)) * (T.Abs(query) + T.Abs(keyNumber));
        return tanh;
    }

    private T Keep(int batch, int head, int query, int key) =>
        _attention.KeepFactor is ReferenceKeepFactor factor ? T.CreateTruncating(factor(batch, head, query, key)) : T.One;
}
