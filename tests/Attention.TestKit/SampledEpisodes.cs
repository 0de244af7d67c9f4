namespace Attention.TestKit;

/// <summary>
/// Two sampled steps, small enough to be enumerated: the scores of the second and all rewards depend on what was chosen. Everything that an
/// estimator could draw is known with its probability, so its mean and its variance are exact.
/// </summary>
public sealed class SampledEpisodes
{
    public const int Keys = 3;

    /// <summary>Random scores and rewards; <paramref name="offset"/> is added to every reward of the second step.</summary>
    public SampledEpisodes(double offset = 0)
    {
        First = AttentionProblems.Wave(1, Keys, 1.3);
        Second = AttentionProblems.Wave(2, Keys * Keys, 1.7);
        FirstRewards = AttentionProblems.Wave(3, Keys, 2);
        SecondRewards = [.. AttentionProblems.Wave(4, Keys * Keys, 3).Select(reward => reward + offset)];
    }

    /// <summary>The scores of the first step.</summary>
    public double[] First { get; }

    /// <summary>The scores of the second step, by the first choice.</summary>
    public double[] Second { get; }

    public double[] FirstRewards { get; }

    /// <summary>By first and second choice.</summary>
    public double[] SecondRewards { get; }

    /// <summary>Every pair of choices.</summary>
    public static IEnumerable<(int First, int Second)> Pairs => from first in Enumerable.Range(0, Keys) from second in Enumerable.Range(0, Keys) select (first, second);

    /// <summary>The rewards of the two steps.</summary>
    public double[] Rewards((int First, int Second) pair) => [FirstRewards[pair.First], SecondRewards[pair.First * Keys + pair.Second]];

    public double Probability((int First, int Second) pair) => FirstRow().Weights[pair.First] * SecondRow(pair.First).Weights[pair.Second];

    /// <summary>What is to be maximised, the mean of both rewards' sum.</summary>
    public double Objective() => Pairs.Sum(pair => Probability(pair) * Rewards(pair).Sum());

    /// <summary>The choices that the largest scores give.</summary>
    public (int First, int Second) Greedy() => (FirstRow().Largest, SecondRow(FirstRow().Largest).Largest);

    public HardAttentionRow<double> FirstRow() => new(First);

    public HardAttentionRow<double> SecondRow(int first) => new(Second.AsSpan(first * Keys, Keys));

    /// <summary>
    /// The exact gradient of <see cref="Objective"/> by all scores, first and second, by the product rule over the derivatives of the weights: no
    /// logarithm and no estimator in it.
    /// </summary>
    public double[] Gradient()
    {
        double[] gradient = new double[Keys + Keys * Keys];
        double[] first = FirstRow().Weights;
        foreach ((int First, int Second) pair in Pairs)
        {
            double[] second = SecondRow(pair.First).Weights;
            double sum = Rewards(pair).Sum();
            for (int key = 0; key < Keys; key++)
            {
                gradient[key] += sum * second[pair.Second] * first[pair.First] * ((key == pair.First ? 1 : 0) - first[key]);
                gradient[Keys + pair.First * Keys + key] +=
                    sum * first[pair.First] * second[pair.Second] * ((key == pair.Second ? 1 : 0) - second[key]);
            }
        }

        return gradient;
    }

    /// <summary>
    /// What one draw estimates of the gradient of the objective, given the advantages of its two steps. The library's gradients are those of a loss, so their sign is turned.
    /// </summary>
    public double[] Estimate((int First, int Second) pair, ReadOnlySpan<double> advantages)
    {
        double[] estimate = new double[Keys + Keys * Keys];
        FirstRow().ScoreGradient(pair.First, advantages[0], 0).CopyTo(estimate, 0);
        SecondRow(pair.First).ScoreGradient(pair.Second, advantages[1], 0).CopyTo(estimate, Keys + pair.First * Keys);
        return estimate;
    }

    /// <summary>The exact mean and the exact total variance of an estimate over draws with their probabilities.</summary>
    public static (double[] Mean, double Variance) Moments(IEnumerable<(double Probability, double[] Estimate)> draws)
    {
        double[] mean = new double[Keys + Keys * Keys];
        double square = 0;
        foreach ((double probability, double[] estimate) in draws)
        {
            for (int i = 0; i < mean.Length; i++)
            {
                mean[i] += probability * estimate[i];
                square += probability * estimate[i] * estimate[i];
            }
        }

        return (mean, square - mean.Sum(x => x * x));
    }
}
