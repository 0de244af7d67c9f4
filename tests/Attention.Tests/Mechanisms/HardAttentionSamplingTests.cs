using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>The mean of hard attention is soft attention: many seeded draws from one row.</summary>
public class HardAttentionSamplingTests
{
    private const int Draws = 40000;
    private const int Keys = 9;
    private const int ValueSize = 5;

    private readonly float[] _row = AttentionProblems.Normal(new Random(1), Keys, 1.5f);
    private readonly float[] _value = AttentionProblems.Normal(new Random(2), Keys * ValueSize);

    [Fact]
    public void TheMeanOfHardOutputs_IsTheSoftOutput()
    {
        HardAttentionRow<double> row = new(Array.ConvertAll(_row, x => (double)x), key => key < 8);
        float[] outputs = new float[Draws * ValueSize];
        int[] choices = Draw(outputs, 3);

        choices.Should().NotContain(8);
        for (int column = 0; column < ValueSize; column++)
        {
            double mean = Enumerable.Range(0, Keys).Sum(key => row.Weights[key] * _value[key * ValueSize + column]);
            double square = Enumerable.Range(0, Keys).Sum(key => row.Weights[key] * Math.Pow(_value[key * ValueSize + column] - mean, 2));
            double drawn = Enumerable.Range(0, Draws).Average(draw => (double)outputs[draw * ValueSize + column]);
            drawn.Should().BeApproximately(mean, 4 * Math.Sqrt(square / Draws));
        }
    }

    [Fact]
    public void Keys_AreDrawnAsOftenAsTheyWeigh()
    {
        HardAttentionRow<double> row = new(Array.ConvertAll(_row, x => (double)x), key => key < 8);
        int[] choices = Draw(new float[Draws * ValueSize], 4);
        for (int key = 0; key < Keys; key++)
        {
            double weight = row.Weights[key];
            choices.Count(choice => choice == key).Should().BeInRange(
                (int)Math.Floor(Draws * weight - 4 * Math.Sqrt(Draws * weight * (1 - weight))),
                (int)Math.Ceiling(Draws * weight + 4 * Math.Sqrt(Draws * weight * (1 - weight))));
        }
    }

    [Fact]
    public void AnotherSeed_DrawsIndependently()
    {
        int[] first = Draw(new float[Draws * ValueSize], 5);
        int[] second = Draw(new float[Draws * ValueSize], 6);
        HardAttentionRow<double> row = new(Array.ConvertAll(_row, x => (double)x), key => key < 8);
        double agree = row.Weights.Sum(weight => weight * weight);
        ((double)first.Zip(second).Count(pair => pair.First == pair.Second) / Draws)
            .Should().BeApproximately(agree, 4 * Math.Sqrt(agree * (1 - agree) / Draws));
    }

    private int[] Draw(float[] outputs, ulong seed)
    {
        int[] choices = new int[Draws];
        float[] scores = [.. Enumerable.Repeat(_row, Draws).SelectMany(row => row)];
        HardAttention.Forward(
            new(scores, [1, 1, Draws, Keys], []), new(_value, [1, 1, Keys, ValueSize], []), new KeyLengthMask(8), KeyChoice.Sampled(seed), choices,
            new(outputs, [1, 1, Draws, ValueSize], []));
        return choices;
    }
}
