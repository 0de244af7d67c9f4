using Attention.Autodiff;
using Attention.TestKit;
using Xunit.Abstractions;

namespace Attention.Tests.Autodiff;

/// <summary>
/// Every unbiased estimator, enumerated over all draws in double, has the exact gradient for its mean; what theory says of variances holds, and
/// they are printed.
/// </summary>
public class ReinforceTests(ITestOutputHelper output)
{
    private const double Bound = 1e-9;

    private readonly SampledEpisodes _episodes = new(offset: 6);

    [Fact]
    public void TheExactGradient_IsThatOfDifferences()
    {
        double[] gradient = _episodes.Gradient();
        Tolerance.Differences("first step", gradient.AsSpan(0, SampledEpisodes.Keys), FiniteDifferences.Gradient(_episodes.First, _episodes.Objective));
        Tolerance.Differences("second step", gradient.AsSpan(SampledEpisodes.Keys), FiniteDifferences.Gradient(_episodes.Second, _episodes.Objective));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(-100)]
    public void AConstantBaseline_IsUnbiased(double baseline)
    {
        Unbiased($"whole returns, baseline {baseline}", Single((_, returns) => Minus(returns, baseline), toGo: false));
        Unbiased($"returns to go, baseline {baseline}", Single((_, returns) => Minus(returns, baseline), toGo: true));
    }

    [Fact]
    public void AMovingBaseline_IsUnbiased()
    {
        // The first draw moves the baseline that the second is judged by.
        Unbiased("moving baseline", Draws());

        IEnumerable<(double, double[])> Draws()
        {
            foreach ((int, int) past in SampledEpisodes.Pairs)
            {
                MovingBaseline baseline = new(0.9, 2);
                baseline.Update<double>(Whole(past));
                foreach ((int, int) pair in SampledEpisodes.Pairs)
                {
                    double[] advantages = new double[2];
                    baseline.Subtract<double>(Whole(pair), advantages);
                    yield return (_episodes.Probability(past) * _episodes.Probability(pair), _episodes.Estimate(pair, advantages));
                }
            }
        }
    }

    [Fact]
    public void ALearnedBaseline_OfWhatWasBeforeTheChoice_IsUnbiased()
    {
        double[] predictions = [3.5, -2, 11];
        Unbiased("learned baseline", Single((pair, returns) => Against(returns, [7, predictions[pair.First]]), toGo: true));
    }

    [Fact]
    public void ASelfCriticalBaseline_IsUnbiased()
    {
        double[] greedy = Whole(_episodes.Greedy());
        Unbiased("self-critical", Single((_, returns) => Against(returns, greedy), toGo: false));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void LeaveOneOut_IsUnbiased(int samples) => Unbiased($"leave one out of {samples}", LeaveOneOut(samples));

    [Fact]
    public void ABaselineThatSawTheChoice_IsBiased()
    {
        (double[] mean, _) = SampledEpisodes.Moments(Single((_, returns) => Minus(returns, 0.5 * returns[0]), toGo: false));
        Distance(mean).Should().BeGreaterThan(0.01);
    }

    [Fact]
    public void TheRewardOfTheSameStepAlone_IsBiased()
    {
        (double[] mean, _) = SampledEpisodes.Moments(SampledEpisodes.Pairs.Select(
            pair => (_episodes.Probability(pair), _episodes.Estimate(pair, _episodes.Rewards(pair)))));
        Distance(mean).Should().BeGreaterThan(0.01);
    }

    [Fact]
    public void TheEntropyBonus_AddsItsGradient()
    {
        // One step: the bonus of a later one would depend on earlier choices too.
        double[] scores = AttentionProblems.Wave(6, 4, 1.5);
        double[] rewards = AttentionProblems.Wave(7, 4, 2);
        double[] mean = new double[4];
        HardAttentionRow<double> row = new(scores);
        for (int choice = 0; choice < 4; choice++)
        {
            double[] loss = row.ScoreGradient(choice, -1.5 * (rewards[choice] - 0.3), -0.4);
            mean = [.. mean.Zip(loss, (sum, term) => sum - row.Weights[choice] * term)];
        }

        Tolerance.Differences("gradient", mean, FiniteDifferences.Gradient(scores, () =>
        {
            HardAttentionRow<double> moved = new(scores);
            return 1.5 * moved.Weights.Zip(rewards, (weight, reward) => weight * reward).Sum() + 0.4 * moved.Entropy;
        }));
    }

    [Fact]
    public void SemiSampling_IsUnbiasedForTheMixtureOfBothObjectives()
    {
        // Hard minibatches estimate the mean reward, soft ones have the exact gradient of the reward of the mean value.
        double[] scores = AttentionProblems.Wave(6, 4, 1.5);
        double[] values = AttentionProblems.Wave(8, 4, 2);
        HardAttentionRow<double> row = new(scores);
        double context = row.Weights.Zip(values, (weight, value) => weight * value).Sum();
        double[] soft = row.SoftmaxGradient(values.Select(value => value * Math.Cos(context)).ToArray());
        SemiSampling semi = new(3);
        double[] estimate = [.. soft.Select(x => semi.SoftProbability * x)];
        for (int choice = 0; choice < 4; choice++)
        {
            double[] hard = row.ScoreGradient(choice, Math.Sin(values[choice]) - 0.2, 0);
            estimate = [.. estimate.Zip(hard, (sum, term) => sum + (1 - semi.SoftProbability) * row.Weights[choice] * term)];
        }

        Tolerance.Differences("gradient", estimate, FiniteDifferences.Gradient(scores, () =>
        {
            HardAttentionRow<double> moved = new(scores);
            return semi.SoftProbability * Math.Sin(moved.Weights.Zip(values, (weight, value) => weight * value).Sum())
                + (1 - semi.SoftProbability) * moved.Weights.Zip(values, (weight, value) => weight * Math.Sin(value)).Sum();
        }));
        Enumerable.Range(0, 10000).Count(minibatch => semi.IsSoft((ulong)minibatch)).Should().BeInRange(4800, 5200);
        Enumerable.Range(0, 100).Select(minibatch => new SemiSampling(3).IsSoft((ulong)minibatch))
            .Should().Equal(Enumerable.Range(0, 100).Select(minibatch => semi.IsSoft((ulong)minibatch)));
    }

    [Fact]
    public void Baselines_LowerTheVariance()
    {
        double none = Variance("no baseline, whole returns", Single((_, returns) => returns, toGo: false));
        Variance("no baseline, returns to go", Single((_, returns) => returns, toGo: true));
        double mean = Variance("the mean return", Single((_, returns) => Minus(returns, _episodes.Objective()), toGo: false));
        double best = Variance("the best constant", Single((_, returns) => Minus(returns, BestConstant()), toGo: false));
        Variance("the mean return, returns to go", Single((_, returns) => Minus(returns, _episodes.Objective()), toGo: true));
        double critical = Variance("self-critical", Single((_, returns) => Against(returns, Whole(_episodes.Greedy())), toGo: false));
        double two = Variance("leave one out of 2", LeaveOneOut(2));
        double three = Variance("leave one out of 3", LeaveOneOut(3));
        output.WriteLine($"{"independent pair without baseline",-40} {none / 2:F4}");
        output.WriteLine($"the best constant is {BestConstant():F3}, the mean return {_episodes.Objective():F3}");

        // The variance is a parabola of the constant with its lowest point at the best one: between 0 and twice that it falls.
        _episodes.Objective().Should().BeInRange(0, 2 * BestConstant());
        mean.Should().BeLessThan(none);
        best.Should().BeLessThanOrEqualTo(mean);
        for (double other = -20; other <= 20; other += 0.5)
        {
            best.Should().BeLessThanOrEqualTo(SampledEpisodes.Moments(Single((_, returns) => Minus(returns, other), toGo: false)).Variance + Bound);
        }

        // All returns are far above 0 here, and each of these baselines is near them. Returns to go are printed alone: theory
        // promises less variance of the sum that is left out, not of what is left.
        critical.Should().BeLessThan(none);
        two.Should().BeLessThan(none / 2);
        three.Should().BeLessThan(two);
    }

    /// <summary>E[R |g|^2] / E[|g|^2] with g the gradient of the log-probability.</summary>
    private double BestConstant()
    {
        double above = 0;
        double below = 0;
        foreach ((int, int) pair in SampledEpisodes.Pairs)
        {
            double square = _episodes.Probability(pair) * _episodes.Estimate(pair, [1, 1]).Sum(x => x * x);
            above += Whole(pair)[0] * square;
            below += square;
        }

        return above / below;
    }

    private double[] Whole((int, int) pair)
    {
        double[] returns = new double[2];
        Returns.Whole<double>(_episodes.Rewards(pair), 2, [], returns);
        return returns;
    }

    private double[] ToGo((int, int) pair)
    {
        double[] returns = new double[2];
        Returns.ToGo<double>(_episodes.Rewards(pair), 2, [], returns);
        return returns;
    }

    private static double[] Minus(double[] returns, double baseline)
    {
        Advantages.Constant(returns, baseline, returns);
        return returns;
    }

    private static double[] Against(double[] returns, double[] baselines)
    {
        Advantages.Against<double>(returns, baselines, returns);
        return returns;
    }

    private IEnumerable<(double, double[])> Single(Func<(int First, int Second), double[], double[]> advantages, bool toGo) =>
        SampledEpisodes.Pairs.Select(pair => (
            _episodes.Probability(pair), _episodes.Estimate(pair, advantages(pair, toGo ? ToGo(pair) : Whole(pair)))));

    /// <summary>All joint draws of several samples; the estimate is the mean over them.</summary>
    private IEnumerable<(double, double[])> LeaveOneOut(int samples)
    {
        (int, int)[] pairs = [.. SampledEpisodes.Pairs];
        int count = (int)Math.Pow(pairs.Length, samples);
        for (int joint = 0; joint < count; joint++)
        {
            (int, int)[] drawn = [.. Enumerable.Range(0, samples).Select(sample => pairs[joint / (int)Math.Pow(pairs.Length, sample) % pairs.Length])];
            double[] advantages = new double[2 * samples];
            Advantages.LeaveOneOut<double>([.. drawn.SelectMany(Whole)], samples, advantages);
            double[] estimate = new double[SampledEpisodes.Keys * (SampledEpisodes.Keys + 1)];
            double probability = 1;
            for (int sample = 0; sample < samples; sample++)
            {
                probability *= _episodes.Probability(drawn[sample]);
                double[] own = _episodes.Estimate(drawn[sample], advantages.AsSpan(2 * sample, 2));
                estimate = [.. estimate.Zip(own, (sum, term) => sum + term / samples)];
            }

            yield return (probability, estimate);
        }
    }

    private void Unbiased(string name, IEnumerable<(double, double[])> draws)
    {
        (double[] mean, double variance) = SampledEpisodes.Moments(draws);
        output.WriteLine($"{name,-40} variance {variance:F4}, off by {Distance(mean):E1}");
        Distance(mean).Should().BeLessThan(Bound);
    }

    private double Variance(string name, IEnumerable<(double, double[])> draws)
    {
        double variance = SampledEpisodes.Moments(draws).Variance;
        output.WriteLine($"{name,-40} {variance:F4}");
        return variance;
    }

    private double Distance(double[] mean) => mean.Zip(_episodes.Gradient(), (x, y) => Math.Abs(x - y)).Max();
}
