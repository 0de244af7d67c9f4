using Attention.Autodiff;

namespace Attention.Tests.Autodiff;

/// <summary>Returns and advantages as numbers, and what they refuse.</summary>
public class ReturnsTests
{
    private static readonly float[] s_rewards = [1, 2, 4, 8, float.NaN, float.NaN];

    [Fact]
    public void ReturnsToGo_SumWhatFollows_UpToTheLength()
    {
        float[] returns = new float[6];
        Returns.ToGo<float>(s_rewards, 3, [3, 1], returns);
        returns.Should().Equal(7, 6, 4, 8, 0, 0);
        Returns.ToGo<float>(s_rewards.AsSpan(0, 4), 2, [], returns.AsSpan(0, 4));
        returns[..4].Should().Equal(3, 2, 12, 8);
    }

    [Fact]
    public void WholeReturns_SumEverything_UpToTheLength()
    {
        float[] returns = [.. s_rewards];
        Returns.Whole<float>(returns, 3, [2, 1], returns);
        returns.Should().Equal(3, 3, 0, 8, 0, 0);
        Returns.Whole<float>(s_rewards.AsSpan(3), 3, [0], returns.AsSpan(3));
        returns[3..].Should().Equal(0, 0, 0);
    }

    [Fact]
    public void Advantages_AreDifferences()
    {
        float[] advantages = new float[4];
        Advantages.Constant([1f, 2, 3, 4], 1.5f, advantages);
        advantages.Should().Equal(-0.5f, 0.5f, 1.5f, 2.5f);
        Advantages.Against<float>([1, 2, 3, 4], [4, 3, 2, 1], advantages);
        advantages.Should().Equal(-3, -1, 1, 3);
        Advantages.LeaveOneOut<float>([1, 2, 3, 6], 2, advantages);
        advantages.Should().Equal(-2, -4, 2, 4);
        Advantages.LeaveOneOut<float>([1, 2, 3, 6], 4, advantages);
        advantages.Should().Equal(1 - 11f / 3, 2 - 10f / 3, 3 - 9f / 3, 6 - 6f / 3);
    }

    [Fact]
    public void AMovingBaseline_MovesATenth()
    {
        MovingBaseline baseline = new();
        float[] advantages = new float[2];
        baseline.Subtract<float>([3, 5], advantages);
        baseline.Update<float>([3, 5]);
        advantages.Should().Equal(3, 5);
        baseline.Value.Should().BeApproximately(0.4, 1e-12);
        baseline.Update<float>([14, 14]);
        baseline.Value.Should().BeApproximately(0.36 + 1.4, 1e-12);
        baseline.Update<float>([]);
        baseline.Value.Should().BeApproximately(1.76, 1e-12);
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        float[] five = new float[5];
        float[] six = new float[6];
        Refuses("steps", () => Returns.ToGo<float>(six, 0, [], six));
        Refuses("rewards", () => Returns.ToGo<float>(five, 2, [], five));
        Refuses("destination", () => Returns.Whole<float>(six, 2, [], five));
        Refuses("lengths", () => Returns.ToGo<float>(six, 2, [1, 2], six));
        Refuses("lengths", () => Returns.Whole<float>(six, 2, [1, 2, 3], six));
        Refuses("destination", () => Advantages.Constant<float>(six, 1, five));
        Refuses("baselines", () => Advantages.Against<float>(six, five, six));
        Refuses("samples", () => Advantages.LeaveOneOut<float>(six, 1, six));
        Refuses("returns", () => Advantages.LeaveOneOut<float>(five, 2, five));
        Refuses("decay", () => _ = new MovingBaseline(1.5));
        Refuses("value", () => _ = new MovingBaseline(0.5, double.NaN));
        Refuses("softProbability", () => _ = new SemiSampling(1, -0.5f));

        static void Refuses(string parameter, Action call) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }
}
