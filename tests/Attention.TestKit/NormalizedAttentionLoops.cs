using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Attention with any normaliser as plain loops, forward and backward, in any precision: in double the reference, in float the
/// yardstick of accuracy.
/// </summary>
public sealed class NormalizedAttentionLoops<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly AttentionProblem<T> _problem;
    private readonly AttentionShape _shape;

    private NormalizedAttentionLoops(AttentionProblem<T> problem)
    {
        _problem = problem;
        _shape = problem.Shape;
        Weights = new(_shape.ScoreCount);
        Output = new(_shape.OutputCount);
        Query = new(_shape.QueryCount);
        Key = new(_shape.KeyCount);
        Value = new(_shape.ValueCount);
    }

    public RelativeTensor<T> Weights { get; }

    public RelativeTensor<T> Output { get; }

    /// <summary>The gradients, from here on.</summary>
    public RelativeTensor<T> Query { get; }

    public RelativeTensor<T> Key { get; }

    public RelativeTensor<T> Value { get; }

    /// <summary>Computes everything.</summary>
    public static NormalizedAttentionLoops<T> Run(AttentionProblem<T> problem, NormalizerReference normalizer)
    {
        NormalizedAttentionLoops<T> loops = new(problem);
        for (int batch = 0; batch < loops._shape.Batch; batch++)
        {
            for (int head = 0; head < loops._shape.Heads; head++)
            {
                for (int query = 0; query < loops._shape.QueryLength; query++)
                {
                    loops.Row(batch, head, query, normalizer);
                }
            }
        }

        return loops;
    }

    private void Row(int batch, int head, int query, NormalizerReference normalizer)
    {
        int number = (((batch * _shape.Heads) + head) * _shape.QueryLength) + query;
        int keyStart = ((batch * _shape.KeyValueHeads) + (head / (_shape.Heads / _shape.KeyValueHeads))) * _shape.KeyLength;
        int[] keys = [.. Enumerable.Range(0, _shape.KeyLength).Where(key => _problem.Mask?.Invoke(batch, head, query, key) ?? true)];
        if (keys.Length == 0)
        {
            return;
        }

        T[] plain = new T[keys.Length];
        T[] scores = new T[keys.Length];
        T uncertainty = T.One;
        for (int i = 0; i < keys.Length; i++)
        {
            T magnitude = T.Zero;
            for (int c = 0; c < _shape.HeadSize; c++)
            {
                T product = _problem.Query[(number * _shape.HeadSize) + c] * _problem.Key[((keyStart + keys[i]) * _shape.HeadSize) + c];
                plain[i] += product;
                magnitude += T.Abs(product);
            }

            plain[i] *= _problem.ScaleOrDefault;
            scores[i] = _problem.Modifier is ReferenceModifier modifier ? modifier.Apply(plain[i], batch, head, query, keys[i]).Value : plain[i];
            uncertainty = T.Max(uncertainty, T.One + T.Abs(_problem.ScaleOrDefault) * magnitude);
        }

        T[] weights = normalizer.Weights(scores);
        T[] weightGradient = new T[keys.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            T keep = _problem.KeepFactor is ReferenceKeepFactor factor ? T.CreateTruncating(factor(batch, head, query, keys[i])) : T.One;
            Weights.Add((number * _shape.KeyLength) + keys[i], weights[i], uncertainty);
            for (int c = 0; c < _shape.ValueSize; c++)
            {
                T value = _problem.Value[((keyStart + keys[i]) * _shape.ValueSize) + c];
                T gradient = _problem.OutputGradient![(number * _shape.ValueSize) + c];
                Output.Add((number * _shape.ValueSize) + c, weights[i] * keep * value, weights[i] * keep * uncertainty * value);
                Value.Add(((keyStart + keys[i]) * _shape.ValueSize) + c, weights[i] * keep * gradient, keep * uncertainty * gradient);
                weightGradient[i] += keep * value * gradient;
            }
        }

        T largest = T.One + weightGradient.Max(gradient => T.Abs(gradient));
        T[] gradients = normalizer.Gradient(weights, weightGradient);
        for (int i = 0; i < keys.Length; i++)
        {
            T slope = _problem.Modifier is ReferenceModifier modifier ? modifier.Apply(plain[i], batch, head, query, keys[i]).Derivative : T.One;
            T factor = _problem.ScaleOrDefault * slope;
            T doubt = T.IsZero(weights[i]) ? T.Zero : factor * uncertainty * largest * T.Sqrt(weights[i]);
            for (int c = 0; c < _shape.HeadSize; c++)
            {
                int place = ((keyStart + keys[i]) * _shape.HeadSize) + c;
                T keyNumber = _problem.Key[place];
                T queryNumber = _problem.Query[(number * _shape.HeadSize) + c];
                Query.Add((number * _shape.HeadSize) + c, gradients[i] * factor * keyNumber, doubt * keyNumber);
                Key.Add(place, gradients[i] * factor * queryNumber, doubt * queryNumber);
            }
        }
    }
}
