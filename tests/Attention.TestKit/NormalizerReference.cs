using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Normalisers as plain loops over one row, in any precision: in double the reference, in float the yardstick of accuracy.
/// Sparsemax sorts, entmax bisects.
/// </summary>
/// <param name="Kind">Which one.</param>
/// <param name="Parameter">The alpha of entmax, the k of top-k.</param>
public sealed record NormalizerReference(NormalizerKind Kind, double Parameter = 0)
{
    /// <summary>The weights of scores, of which none is hidden.</summary>
    public T[] Weights<T>(T[] scores)
        where T : unmanaged, IFloatingPointIeee754<T> => Kind switch
        {
            NormalizerKind.Softmax => Softmax(scores),
            NormalizerKind.Sparsemax => Sparsemax(scores),
            NormalizerKind.Entmax when Parameter == 1 => Softmax(scores),
            NormalizerKind.Entmax when Parameter == 2 => Sparsemax(scores),
            NormalizerKind.Entmax => Entmax(scores, T.CreateChecked(Parameter)),
            NormalizerKind.Sigmoid => Array.ConvertAll(scores, score => T.One / (T.One + T.Exp(-score))),
            NormalizerKind.Hardmax => TopK(scores, 1),
            _ => TopK(scores, (int)Parameter),
        };

    /// <summary>The gradient of the scores.</summary>
    public T[] Gradient<T>(T[] weights, T[] weightGradient)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (Kind is NormalizerKind.Sigmoid)
        {
            return [.. weights.Zip(weightGradient, (weight, gradient) => weight * (T.One - weight) * gradient)];
        }

        if (Kind is NormalizerKind.Hardmax)
        {
            return new T[weights.Length];
        }

        T alpha = Kind switch
        {
            NormalizerKind.Sparsemax => T.CreateChecked(2),
            NormalizerKind.Entmax => T.CreateChecked(Parameter),
            _ => T.One,
        };
        T[] slopes = Array.ConvertAll(weights, weight => T.IsZero(weight) ? T.Zero : T.Pow(weight, T.CreateChecked(2) - alpha));
        T sum = T.Zero;
        T mean = T.Zero;
        for (int i = 0; i < slopes.Length; i++)
        {
            sum += slopes[i];
            mean += slopes[i] * weightGradient[i];
        }

        return [.. slopes.Zip(weightGradient, (slope, gradient) => T.IsZero(slope) ? T.Zero : slope * (gradient - mean / sum))];
    }

    /// <summary>The gradient of entmax by alpha that comes through one row, as Correia et al. 2019 write it in proposition 1; its limit at 1.</summary>
    public static double AlphaGradient(ReadOnlySpan<double> weights, ReadOnlySpan<double> weightGradient, double alpha)
    {
        double step = alpha - 1;
        double total = 0;
        foreach (double weight in weights)
        {
            total += weight;
        }

        double powers = 0;
        double entropy = 0;
        double squares = 0;
        foreach (double weight in weights)
        {
            if (weight != 0)
            {
                double share = weight / total;
                powers += Math.Pow(share, 2 - alpha);
                entropy -= share * Math.Log(share);
                squares += share * Math.Log(share) * Math.Log(share);
            }
        }

        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                double share = weights[i] / total;
                double logarithm = Math.Log(share);
                double power = Math.Pow(share, 2 - alpha) / powers;
                sum += weightGradient[i] * (step == 0
                    ? share * (squares - (logarithm * logarithm)) / 2
                    : ((share - power) / (step * step)) - (((share * logarithm) + (power * entropy)) / step));
            }
        }

        return sum;
    }

    private static T[] Softmax<T>(T[] scores)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T maximum = scores.DefaultIfEmpty().Max();
        T[] weights = Array.ConvertAll(scores, score => T.Exp(score - maximum));
        T sum = T.Zero;
        foreach (T weight in weights)
        {
            sum += weight;
        }

        return Array.ConvertAll(weights, weight => weight / sum);
    }

    private static T[] Sparsemax<T>(T[] scores)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] sorted = [.. scores.OrderDescending()];
        T sum = T.Zero;
        T threshold = T.Zero;
        for (int count = 1; count <= sorted.Length; count++)
        {
            sum += sorted[count - 1];
            if (T.One + T.CreateChecked(count) * sorted[count - 1] > sum)
            {
                threshold = (sum - T.One) / T.CreateChecked(count);
            }
        }

        return Array.ConvertAll(scores, score => T.Max(score - threshold, T.Zero));
    }

    private static T[] Entmax<T>(T[] scores, T alpha)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T step = alpha - T.One;
        T[] scaled = Array.ConvertAll(scores, score => step * score);
        T high = scaled.Max();
        T low = high - T.One;
        for (int i = 0; i < 100; i++)
        {
            T middle = (low + high) / T.CreateChecked(2);
            (low, high) = Powers(middle).Aggregate(T.Zero, (sum, weight) => sum + weight) >= T.One ? (middle, high) : (low, middle);
        }

        T[] weights = Powers(low);
        T total = weights.Aggregate(T.Zero, (sum, weight) => sum + weight);
        return Array.ConvertAll(weights, weight => weight / total);

        T[] Powers(T threshold) => Array.ConvertAll(scaled, score => score > threshold ? T.Pow(score - threshold, T.One / step) : T.Zero);
    }

    private static T[] TopK<T>(T[] scores, int count)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int[] kept = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).ThenBy(i => i).Take(count)];
        T[] few = Softmax(Array.ConvertAll(kept, i => scores[i]));
        T[] weights = new T[scores.Length];
        for (int i = 0; i < kept.Length; i++)
        {
            weights[kept[i]] = few[i];
        }

        return weights;
    }
}
