using System.Numerics;

namespace Attention.TestKit;

/// <summary>One query's scores and weights, computed by plain loops: scores, maximum, exponentials and sum, division.</summary>
internal sealed class AttentionRow<T>(AttentionProblem<T> problem)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly T _scale = problem.ScaleOrDefault;

    public T[] Raw { get; } = new T[problem.Shape.KeyLength];

    public T[] Modified { get; } = new T[problem.Shape.KeyLength];

    /// <summary>The modifier's derivative.</summary>
    public T[] Derivative { get; } = new T[problem.Shape.KeyLength];

    public T[] Masked { get; } = new T[problem.Shape.KeyLength];

    /// <summary>Normalised, before dropout.</summary>
    public T[] Weights { get; } = new T[problem.Shape.KeyLength];

    /// <summary>Whether mask or bias hide the key: then its key and value are never looked at.</summary>
    public bool[] Hidden { get; } = new bool[problem.Shape.KeyLength];

    /// <summary>
    /// Whether mask and bias hide every key: then the weights are zero and the log-sum-exp is negative infinity, or the sink's
    /// logit where there is one, which takes the whole row.
    /// </summary>
    public bool IsEmpty { get; private set; }

    public T LogSumExp { get; private set; }

    /// <summary>The weight that the sink takes; 0 without one.</summary>
    public T SinkWeight { get; private set; }

    public void Compute(int batch, int head, int query)
    {
        AttentionShape shape = problem.Shape;
        int keyHead = head / (shape.Heads / shape.KeyValueHeads);
        int queryStart = ((((batch * shape.Heads) + head) * shape.QueryLength) + query) * shape.HeadSize;
        int keyStart = ((batch * shape.KeyValueHeads) + keyHead) * shape.KeyLength * shape.HeadSize;
        T maximum = T.NegativeInfinity;
        IsEmpty = true;
        for (int key = 0; key < shape.KeyLength; key++)
        {
            T score = _scale * Dot(problem.Query, queryStart, problem.Key, keyStart + (key * shape.HeadSize), shape.HeadSize);
            Raw[key] = score;
            Derivative[key] = T.One;
            if (problem.Modifier is ReferenceModifier modifier)
            {
                (score, Derivative[key]) = modifier.Apply(score, batch, head, query, key);
            }

            Modified[key] = score;
            bool hidden = problem.Mask is ReferenceMask mask && !mask(batch, head, query, key);
            if (problem.Bias is T[] bias)
            {
                T added = bias[problem.BiasIndex(batch, head, query, key)];
                hidden |= T.IsNegativeInfinity(added);
                score += added;
            }

            Hidden[key] = hidden;
            Masked[key] = hidden ? T.NegativeInfinity : score;
            IsEmpty &= hidden;
            if (Masked[key] > maximum)
            {
                maximum = score;
            }
        }

        Normalise(maximum, head);
    }

    private void Normalise(T maximum, int head)
    {
        SinkWeight = T.Zero;
        if (IsEmpty && problem.SinkLogits is null)
        {
            Array.Clear(Weights);
            LogSumExp = T.NegativeInfinity;
            return;
        }

        T sum = T.Zero;
        if (problem.SinkLogits is T[] sinks)
        {
            maximum = sinks[head] > maximum ? sinks[head] : maximum;
            SinkWeight = T.Exp(sinks[head] - maximum);
            sum = SinkWeight;
        }

        for (int key = 0; key < Weights.Length; key++)
        {
            Weights[key] = Hidden[key] ? T.Zero : T.Exp(Masked[key] - maximum);
            sum += Weights[key];
        }

        for (int key = 0; key < Weights.Length; key++)
        {
            Weights[key] /= sum;
        }

        SinkWeight /= sum;
        LogSumExp = maximum + T.Log(sum);
    }

    internal static T Dot(T[] left, int leftStart, T[] right, int rightStart, int count)
    {
        T sum = T.Zero;
        for (int i = 0; i < count; i++)
        {
            sum += left[leftStart + i] * right[rightStart + i];
        }

        return sum;
    }
}
