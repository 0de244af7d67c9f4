using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Attention to windows as plain loops, forward and backward, in any precision: in double the reference, in float the yardstick
/// of accuracy.
/// </summary>
public sealed class LocalAttentionLoops<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly LocalAttentionProblem<T> _problem;
    private readonly AttentionProblem<T> _attention;
    private readonly AttentionShape _shape;
    private readonly bool[] _seen;
    private readonly T[] _softmax;
    private readonly T[] _factors;
    private readonly T[] _relative;

    private LocalAttentionLoops(LocalAttentionProblem<T> problem)
    {
        _problem = problem;
        _attention = problem.Attention;
        _shape = _attention.Shape;
        _seen = new bool[_shape.KeyLength];
        _softmax = new T[_shape.KeyLength];
        _factors = new T[_shape.KeyLength];
        _relative = new T[_shape.KeyLength];
        Output = new(_shape.OutputCount);
        LogSumExp = new(_shape.RowCount);
        Weights = new(_shape.ScoreCount);
        Query = new(_shape.QueryCount);
        Key = new(_shape.KeyCount);
        Value = new(_shape.ValueCount);
        Position = new(problem.Position.Length);
    }

    public RelativeTensor<T> Output { get; }

    public RelativeTensor<T> LogSumExp { get; }

    /// <summary>After Gaussian and dropout.</summary>
    public RelativeTensor<T> Weights { get; }

    /// <summary>The gradients, from here on.</summary>
    public RelativeTensor<T> Query { get; }

    public RelativeTensor<T> Key { get; }

    public RelativeTensor<T> Value { get; }

    public RelativeTensor<T> Position { get; }

    /// <summary>Computes everything, gradients only where the problem has one of the output.</summary>
    public static LocalAttentionLoops<T> Run(LocalAttentionProblem<T> problem)
    {
        LocalAttentionLoops<T> loops = new(problem);
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
            T weight = _softmax[key] * _factors[key];
            Weights.Add((number * _shape.KeyLength) + key, weight, weight * _relative[key]);
            for (int c = 0; c < _shape.ValueSize && _seen[key]; c++)
            {
                T value = _attention.Value[((keyStart + key) * _shape.ValueSize) + c];
                Output.Add((number * _shape.ValueSize) + c, weight * value, weight * _relative[key] * value);
            }
        }

        if (_attention.OutputGradient is not null)
        {
            Backward(batch, query, number, keyStart);
        }
    }

    private void Weigh(int batch, int head, int query, int number, int keyStart)
    {
        T maximum = T.NegativeInfinity;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            _seen[key] = _problem.Sees(batch, query, key) && _attention.Mask?.Invoke(batch, head, query, key) != false;
            T score = T.Zero;
            T magnitude = T.Zero;
            for (int c = 0; c < _shape.HeadSize && _seen[key]; c++)
            {
                T product = _attention.Query[(number * _shape.HeadSize) + c] * _attention.Key[((keyStart + key) * _shape.HeadSize) + c];
                score += product;
                magnitude += T.Abs(product);
            }

            _softmax[key] = _attention.ScaleOrDefault * score;
            _relative[key] = T.Abs(_attention.ScaleOrDefault) * magnitude + T.Abs(_softmax[key]);
            maximum = _seen[key] && _softmax[key] > maximum ? _softmax[key] : maximum;
        }

        T sum = T.Zero;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            _softmax[key] = _seen[key] ? T.Exp(_softmax[key] - maximum) : T.Zero;
            sum += _softmax[key];
        }

        T mean = T.Zero;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            _softmax[key] = _seen[key] ? _softmax[key] / sum : T.Zero;
            mean += _softmax[key] * _relative[key] * _softmax[key] * _relative[key];
        }

        mean = T.Sqrt(mean);
        T logSumExp = T.IsZero(sum) ? T.NegativeInfinity : maximum + T.Log(sum);
        LogSumExp.Add(number, logSumExp, T.IsZero(sum) ? T.Zero : mean + T.One + T.Abs(logSumExp));
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            T exponent = Exponent(batch, query, key);
            _factors[key] = _seen[key] ? Keep(batch, head, query, key) * T.Exp(-exponent) : T.Zero;
            _relative[key] += T.One + mean + (exponent + exponent);
        }
    }

    private void Backward(int batch, int query, int number, int keyStart)
    {
        T[] gradients = new T[_shape.KeyLength];
        T[] products = new T[_shape.KeyLength];
        T through = _attention.LogSumExpGradient is T[] given ? given[number] : T.Zero;
        T uncertainty = T.Abs(through);
        int place = (batch * _shape.QueryLength) + query;
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            if (!_seen[key])
            {
                continue;
            }

            T weight = _softmax[key] * _factors[key];
            for (int c = 0; c < _shape.ValueSize; c++)
            {
                T gradient = _attention.OutputGradient![(number * _shape.ValueSize) + c];
                T product = _factors[key] * gradient * _attention.Value[((keyStart + key) * _shape.ValueSize) + c];
                gradients[key] += product;
                products[key] += T.Abs(product);
                Value.Add(((keyStart + key) * _shape.ValueSize) + c, weight * gradient, weight * gradient * _relative[key]);
            }

            if (HasGaussian)
            {
                T slope = (T.CreateChecked(key) - _problem.Position[place]) * InverseVariance * _softmax[key];
                Position.Add(place, slope * gradients[key], T.Abs(slope) * products[key] * _relative[key]);
            }

            through -= _softmax[key] * gradients[key];
            uncertainty += _softmax[key] * products[key];
        }

        for (int key = 0; key < _shape.KeyLength; key++)
        {
            T weight = _attention.ScaleOrDefault * _softmax[key];
            T spread = weight * _relative[key] * (products[key] + uncertainty);
            for (int c = 0; c < _shape.HeadSize && _seen[key]; c++)
            {
                int own = (number * _shape.HeadSize) + c;
                int other = ((keyStart + key) * _shape.HeadSize) + c;
                Query.Add(own, weight * (gradients[key] + through) * _attention.Key[other], spread * _attention.Key[other]);
                Key.Add(other, weight * (gradients[key] + through) * _attention.Query[own], spread * _attention.Query[own]);
            }
        }
    }

    private bool HasGaussian => _problem is { IsGaussian: true, HalfWidth: > 0 };

    /// <summary>1 / sigma^2 with sigma half of the half width.</summary>
    private T InverseVariance => T.CreateChecked(4) / (T.CreateChecked(_problem.HalfWidth) * T.CreateChecked(_problem.HalfWidth));

    private T Exponent(int batch, int query, int key)
    {
        T distance = T.CreateChecked(key) - _problem.Position[(batch * _shape.QueryLength) + query];
        return HasGaussian ? distance * distance * InverseVariance / T.CreateChecked(2) : T.Zero;
    }

    private T Keep(int batch, int head, int query, int key) =>
        _attention.KeepFactor is ReferenceKeepFactor factor ? T.CreateTruncating(factor(batch, head, query, key)) : T.One;
}
