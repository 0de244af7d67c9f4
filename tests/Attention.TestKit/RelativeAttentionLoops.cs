using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Attention by distances as plain loops, forward and backward, in any precision: in double the reference, in float the
/// yardstick of accuracy.
/// </summary>
public sealed class RelativeAttentionLoops<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly RelativeAttentionProblem<T> _problem;
    private readonly AttentionProblem<T> _attention;
    private readonly AttentionShape _shape;
    private readonly T[] _weights;
    private readonly T[] _relative;
    private readonly bool[] _hidden;

    private RelativeAttentionLoops(RelativeAttentionProblem<T> problem)
    {
        _problem = problem;
        _attention = problem.Attention;
        _shape = _attention.Shape;
        _weights = new T[_shape.KeyLength];
        _relative = new T[_shape.KeyLength];
        _hidden = new bool[_shape.KeyLength];
        Output = new(_shape.OutputCount);
        LogSumExp = new(_shape.RowCount);
        Query = new(_shape.QueryCount);
        Key = new(_shape.KeyCount);
        Value = new(_shape.ValueCount);
        KeyTable = new(problem.KeyTable?.Length ?? 0);
        ValueTable = new(problem.ValueTable?.Length ?? 0);
        ContentBias = new(problem.ContentBias?.Length ?? 0);
        PositionBias = new(problem.PositionBias?.Length ?? 0);
    }

    public RelativeTensor<T> Output { get; }

    public RelativeTensor<T> LogSumExp { get; }

    /// <summary>The gradients, from here on.</summary>
    public RelativeTensor<T> Query { get; }

    public RelativeTensor<T> Key { get; }

    public RelativeTensor<T> Value { get; }

    public RelativeTensor<T> KeyTable { get; }

    public RelativeTensor<T> ValueTable { get; }

    public RelativeTensor<T> ContentBias { get; }

    public RelativeTensor<T> PositionBias { get; }

    /// <summary>Computes everything, gradients only where the problem has one of the output.</summary>
    public static RelativeAttentionLoops<T> Run(RelativeAttentionProblem<T> problem)
    {
        RelativeAttentionLoops<T> loops = new(problem);
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
            T kept = _weights[key] * Keep(batch, head, query, key);
            for (int c = 0; c < _shape.ValueSize && !T.IsZero(kept); c++)
            {
                T value = ValueOf(keyStart, query, key, c);
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
            for (int c = 0; c < _shape.HeadSize; c++)
            {
                T content = Biased(_problem.ContentBias, head, number, c) * _attention.Key[((keyStart + key) * _shape.HeadSize) + c];
                T position = _problem.KeyTable is T[] table
                    ? Biased(_problem.PositionBias, head, number, c) * table[TableStart(head, query, key) + c]
                    : T.Zero;
                score += content + position;
                magnitude += T.Abs(content) + T.Abs(position);
            }

            _weights[key] = _hidden[key] ? T.NegativeInfinity : _attention.ScaleOrDefault * score;
            _relative[key] = T.Abs(_attention.ScaleOrDefault) * magnitude + T.Abs(_attention.ScaleOrDefault * score);
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
            T share = _hidden[key] ? T.Zero : _weights[key] * _relative[key];
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
        T[] outputGradient = _attention.OutputGradient!;
        T[] gradients = new T[_shape.KeyLength];
        T[] products = new T[_shape.KeyLength];
        T through = _attention.LogSumExpGradient is T[] given ? given[number] : T.Zero;
        T uncertainty = T.Abs(through);
        for (int key = 0; key < _shape.KeyLength; key++)
        {
            T keep = Keep(batch, head, query, key);
            T kept = _weights[key] * keep;
            for (int c = 0; c < _shape.ValueSize && !_hidden[key] && !T.IsZero(keep); c++)
            {
                T gradient = outputGradient[(number * _shape.ValueSize) + c];
                T product = keep * gradient * ValueOf(keyStart, query, key, c);
                gradients[key] += product;
                products[key] += T.Abs(product);
                Value.Add(((keyStart + key) * _shape.ValueSize) + c, kept * gradient, kept * gradient * _relative[key]);
                if (_problem.ValueTable is not null)
                {
                    ValueTable.Add((_problem.RowOf(query, key) * _shape.ValueSize) + c, kept * gradient, kept * gradient * _relative[key]);
                }
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
                T weight = _attention.ScaleOrDefault * _weights[key];
                AddScore(head, query, key, number, keyStart, weight * (gradients[key] + through), weight * _relative[key] * (products[key] + uncertainty));
            }
        }
    }

    private void AddScore(int head, int query, int key, int number, int keyStart, T gradient, T uncertainty)
    {
        for (int c = 0; c < _shape.HeadSize; c++)
        {
            int place = ((keyStart + key) * _shape.HeadSize) + c;
            T keyNumber = _attention.Key[place];
            T content = Biased(_problem.ContentBias, head, number, c);
            Query.Add((number * _shape.HeadSize) + c, gradient * keyNumber, uncertainty * keyNumber);
            Key.Add(place, gradient * content, uncertainty * content);
            if (_problem.ContentBias is not null)
            {
                ContentBias.Add((head * _shape.HeadSize) + c, gradient * keyNumber, uncertainty * keyNumber);
            }

            if (_problem.KeyTable is not T[] table)
            {
                continue;
            }

            int entry = TableStart(head, query, key) + c;
            T position = Biased(_problem.PositionBias, head, number, c);
            Query.Add((number * _shape.HeadSize) + c, gradient * table[entry], uncertainty * table[entry]);
            KeyTable.Add(entry, gradient * position, uncertainty * position);
            if (_problem.PositionBias is not null)
            {
                PositionBias.Add((head * _shape.HeadSize) + c, gradient * table[entry], uncertainty * table[entry]);
            }
        }
    }

    private T ValueOf(int keyStart, int query, int key, int c)
    {
        T value = _attention.Value[((keyStart + key) * _shape.ValueSize) + c];
        return _problem.ValueTable is T[] table ? value + table[(_problem.RowOf(query, key) * _shape.ValueSize) + c] : value;
    }

    private T Biased(T[]? bias, int head, int number, int c)
    {
        T query = _attention.Query[(number * _shape.HeadSize) + c];
        return bias is null ? query : query + bias[(head * _shape.HeadSize) + c];
    }

    private int TableStart(int head, int query, int key) =>
        (((_problem.KeyTableHeads == 1 ? 0 : head) * _problem.TableRows) + _problem.RowOf(query, key)) * _shape.HeadSize;

    private T Keep(int batch, int head, int query, int key) =>
        _attention.KeepFactor is ReferenceKeepFactor factor ? T.CreateTruncating(factor(batch, head, query, key)) : T.One;
}
