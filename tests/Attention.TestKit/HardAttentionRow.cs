using System.Numerics;

namespace Attention.TestKit;

/// <summary>One row of given scores by plain loops: softmax weights, their logarithms, entropy, and the gradients of hard attention.</summary>
/// <remarks>Sensitivities say what rounding each number once does to a result, in units of the precision.</remarks>
public sealed class HardAttentionRow<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly bool[] _isAllowed;

    /// <summary>A row of which only some keys are allowed, all of them if nothing is said.</summary>
    public HardAttentionRow(ReadOnlySpan<T> scores, Func<int, bool>? allows = null)
    {
        _isAllowed = new bool[scores.Length];
        Weights = new T[scores.Length];
        LogWeights = new T[scores.Length];
        T max = T.NegativeInfinity;
        for (int key = 0; key < scores.Length; key++)
        {
            _isAllowed[key] = (allows is null || allows(key)) && scores[key] != T.NegativeInfinity;
            max = _isAllowed[key] && scores[key] > max ? scores[key] : max;
        }

        T sum = T.Zero;
        for (int key = 0; key < scores.Length; key++)
        {
            Weights[key] = _isAllowed[key] ? T.Exp(scores[key] - max) : T.Zero;
            sum += Weights[key];
        }

        for (int key = 0; key < scores.Length; key++)
        {
            LogWeights[key] = _isAllowed[key] ? scores[key] - max - T.Log(sum) : T.NegativeInfinity;
            if (_isAllowed[key])
            {
                Weights[key] /= sum;
                Entropy -= Weights[key] * LogWeights[key];
                double distance = double.CreateChecked(T.Abs(scores[key] - max) + T.Abs(T.Log(sum)));
                Sensitivity += double.CreateChecked(Weights[key]) * (1 + distance) * (1 + distance);
                LargestDistance = Math.Max(LargestDistance, distance);
            }
        }

        Sensitivity += double.CreateChecked(T.Abs(T.Log(T.Max(sum, T.One))));
    }

    /// <summary>Softmax over the allowed keys, 0 elsewhere.</summary>
    public T[] Weights { get; }

    /// <summary>The logarithms of the weights; negative infinity for hidden keys.</summary>
    public T[] LogWeights { get; }

    /// <summary>-sum(a ln a).</summary>
    public T Entropy { get; } = T.Zero;

    /// <summary>Of the entropy.</summary>
    public double Sensitivity { get; }

    /// <summary>How far a logarithm of a weight may be from 0; what rounding does to one.</summary>
    public double LargestDistance { get; }

    /// <summary>The first key of the largest weight.</summary>
    public int Largest => Array.IndexOf(LogWeights, LogWeights.Max());

    /// <summary>The key at which the weights add up to more than <paramref name="uniform"/>, and how near that came to a neighbour's.</summary>
    public (int Key, double Margin) Draw(double uniform)
    {
        double sum = 0;
        double margin = double.PositiveInfinity;
        int choice = -1;
        for (int key = 0; key < Weights.Length; key++)
        {
            sum += double.CreateChecked(Weights[key]);
            margin = Math.Min(margin, Math.Abs(sum - uniform));
            choice = choice < 0 && sum > uniform ? key : choice;
        }

        return (choice, margin);
    }

    /// <summary>The gradient of the scores given those of the chosen key's log-probability and of the entropy.</summary>
    public T[] ScoreGradient(int choice, T logProbabilityGradient, T entropyGradient)
    {
        T[] gradient = new T[Weights.Length];
        for (int key = 0; key < gradient.Length; key++)
        {
            if (_isAllowed[key])
            {
                T one = key == choice ? T.One : T.Zero;
                gradient[key] = (logProbabilityGradient * (one - Weights[key]))
                    - (entropyGradient * Weights[key] * (LogWeights[key] + Entropy));
            }
        }

        return gradient;
    }

    /// <summary>The gradient of the scores given that of the weights.</summary>
    public T[] SoftmaxGradient(ReadOnlySpan<T> weightsGradient)
    {
        T mean = T.Zero;
        for (int key = 0; key < Weights.Length; key++)
        {
            mean += _isAllowed[key] ? Weights[key] * weightsGradient[key] : T.Zero;
        }

        T[] gradient = new T[Weights.Length];
        for (int key = 0; key < gradient.Length; key++)
        {
            gradient[key] = _isAllowed[key] ? Weights[key] * (weightsGradient[key] - mean) : T.Zero;
        }

        return gradient;
    }
}
