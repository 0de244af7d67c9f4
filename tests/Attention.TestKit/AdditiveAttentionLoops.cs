using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Additive attention as plain loops, forward and backward, in any precision: in double the reference, in float the yardstick of
/// accuracy. The head size of the shape is the hidden size.
/// </summary>
public sealed record AdditiveAttentionLoops<T>(AttentionShape Shape)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public required T[] Query { get; init; }

    public required T[] Key { get; init; }

    public required T[] ScoreVector { get; init; }

    public required T[] Value { get; init; }

    /// <summary>The gradient of the output; empty for a forward pass alone.</summary>
    public T[] OutputGradient { get; init; } = [];

    public ReferenceMask? Mask { get; init; }

    /// <summary>The factor that dropout puts on a weight.</summary>
    public Func<int, int, int, int, float> Keep { get; init; } = static (_, _, _, _) => 1;

    /// <summary>The same problem in another precision.</summary>
    public AdditiveAttentionLoops<TOther> To<TOther>()
        where TOther : unmanaged, IFloatingPointIeee754<TOther> => new(Shape)
        {
            Query = Array.ConvertAll(Query, TOther.CreateTruncating),
            Key = Array.ConvertAll(Key, TOther.CreateTruncating),
            ScoreVector = Array.ConvertAll(ScoreVector, TOther.CreateTruncating),
            Value = Array.ConvertAll(Value, TOther.CreateTruncating),
            OutputGradient = Array.ConvertAll(OutputGradient, TOther.CreateTruncating),
            Mask = Mask,
            Keep = Keep,
        };

    /// <summary>Output, log-sum-exp, weights, and the gradients of query, key, score vector and value.</summary>
    public (string Name, T[] Numbers)[] Run()
    {
        T[] output = new T[Shape.OutputCount];
        T[] logSumExp = new T[Shape.RowCount];
        T[] weights = new T[Shape.RowCount * Shape.KeyLength];
        T[][] gradients = [new T[Query.Length], new T[Key.Length], new T[ScoreVector.Length], new T[Value.Length]];
        for (int row = 0; row < Shape.RowCount; row++)
        {
            int query = row % Shape.QueryLength;
            int head = row / Shape.QueryLength % Shape.Heads;
            int batch = row / Shape.QueryLength / Shape.Heads;
            int firstKey = ((batch * Shape.KeyValueHeads) + (head / (Shape.Heads / Shape.KeyValueHeads))) * Shape.KeyLength;
            Span<T> rowWeights = weights.AsSpan(row * Shape.KeyLength, Shape.KeyLength);
            logSumExp[row] = Weigh(batch, head, query, row, firstKey, rowWeights);
            for (int key = 0; key < Shape.KeyLength; key++)
            {
                T kept = rowWeights[key] * T.CreateTruncating(Keep(batch, head, query, key));
                for (int c = 0; c < Shape.ValueSize && !T.IsZero(kept); c++)
                {
                    output[(row * Shape.ValueSize) + c] += kept * Value[((firstKey + key) * Shape.ValueSize) + c];
                }
            }

            if (OutputGradient.Length > 0)
            {
                Backward(batch, head, query, row, firstKey, rowWeights, gradients);
            }
        }

        return
        [
            ("output", output), ("log-sum-exp", logSumExp), ("weights", weights), ("query's gradient", gradients[0]),
            ("key's gradient", gradients[1]), ("score vector's gradient", gradients[2]), ("value's gradient", gradients[3]),
        ];
    }

    private T Weigh(int batch, int head, int query, int row, int firstKey, Span<T> weights)
    {
        T maximum = T.NegativeInfinity;
        for (int key = 0; key < weights.Length; key++)
        {
            weights[key] = T.NegativeInfinity;
            if (Mask?.Invoke(batch, head, query, key) ?? true)
            {
                weights[key] = T.Zero;
                for (int c = 0; c < Shape.HeadSize; c++)
                {
                    weights[key] += ScoreVector[c] * Tanh(row, firstKey + key, c);
                }

                maximum = T.Max(maximum, weights[key]);
            }
        }

        if (maximum == T.NegativeInfinity)
        {
            weights.Clear();
            return maximum;
        }

        T sum = T.Zero;
        for (int key = 0; key < weights.Length; key++)
        {
            weights[key] = weights[key] == T.NegativeInfinity ? T.Zero : T.Exp(weights[key] - maximum);
            sum += weights[key];
        }

        for (int key = 0; key < weights.Length; key++)
        {
            weights[key] /= sum;
        }

        return maximum + T.Log(sum);
    }

    private void Backward(int batch, int head, int query, int row, int firstKey, ReadOnlySpan<T> weights, T[][] gradients)
    {
        T[] scores = new T[weights.Length];
        T mean = T.Zero;
        for (int key = 0; key < weights.Length; key++)
        {
            T keep = T.CreateTruncating(Keep(batch, head, query, key));
            for (int c = 0; c < Shape.ValueSize && !T.IsZero(weights[key]); c++)
            {
                T outputGradient = OutputGradient[(row * Shape.ValueSize) + c];
                int place = ((firstKey + key) * Shape.ValueSize) + c;
                scores[key] += keep * outputGradient * Value[place];
                gradients[3][place] += weights[key] * keep * outputGradient;
            }

            mean += weights[key] * scores[key];
        }

        for (int key = 0; key < weights.Length; key++)
        {
            T score = weights[key] * (scores[key] - mean);
            for (int c = 0; c < Shape.HeadSize && !T.IsZero(weights[key]); c++)
            {
                T tanh = Tanh(row, firstKey + key, c);
                T slope = score * ScoreVector[c] * (T.One - (tanh * tanh));
                gradients[0][(row * Shape.HeadSize) + c] += slope;
                gradients[1][((firstKey + key) * Shape.HeadSize) + c] += slope;
                gradients[2][c] += score * tanh;
            }
        }
    }

    private T Tanh(int row, int key, int c) => T.Tanh(Query[(row * Shape.HeadSize) + c] + Key[(key * Shape.HeadSize) + c]);
}
