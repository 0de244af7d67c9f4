using Attention.Positions;
using Attention.TestKit;

namespace Attention.Tests.Positions;

public sealed class RotaryTableTests
{
    [Theory]
    [InlineData(2, null)]
    [InlineData(6, null)]
    [InlineData(64, 500000.0)]
    public void Rows_AreCosinesAndSinesOfTheAngles(int rotarySize, double? frequencyBase)
    {
        RotaryTable table = new(rotarySize, new RotaryOptions { Base = frequencyBase });

        table.RotarySize.Should().Be(rotarySize);
        table.AttentionFactor.Should().Be(1);
        ShouldTurnBy(table, pair => 1 / Math.Pow(frequencyBase ?? 10000, 2.0 * pair / rotarySize));
    }

    [Fact]
    public void LinearScaling_DividesEveryFrequency() =>
        ShouldTurnBy(Scaled(16, new LinearScaling(4)), pair => Frequency(pair, 16) / 4);

    [Fact]
    public void NtkScaling_RaisesTheBase()
    {
        double raised = 10000 * Math.Pow(4, 16 / 14.0);

        ShouldTurnBy(Scaled(16, new NtkScaling(4)), pair => Math.Pow(raised, -2.0 * pair / 16));
        ShouldTurnBy(Scaled(2, new NtkScaling(4)), _ => 1);
    }

    /// <summary>The pairs at which the ramp begins and ends are worked out by hand: 20.94 and 45.03 of 64 for 4096 positions.</summary>
    [Fact]
    public void YarnScaling_KeepsFastFrequenciesAndDividesSlowOnes()
    {
        YarnScaling scaling = new(16, 4096);
        RotaryTable table = Scaled(128, scaling);
        double factor = 0.1 * Math.Log(16) + 1;

        table.AttentionFactor.Should().Be(factor);
        ShouldTurnBy(
            table,
            pair =>
            {
                double slow = Math.Min(Math.Max((pair - 20) / 26.0, 0), 1);
                return Frequency(pair, 128) * ((slow / 16) + 1 - slow);
            },
            factor);
    }

    [Fact]
    public void YarnScaling_OfEqualEnds_IsAStep()
    {
        // A context of one position turns no pair even once: both ends of the ramp fall on pair 0.
        ShouldTurnBy(
            Scaled(8, new YarnScaling(2, 1, attentionFactor: 1)),
            pair => Frequency(pair, 8) / (pair == 0 ? 1 : 2));
    }

    [Fact]
    public void YarnScaling_TakesAnAttentionFactor()
    {
        RotaryTable table = Scaled(16, new YarnScaling(4, 64, attentionFactor: 0.5));

        table.AttentionFactor.Should().Be(0.5);
        table.Cosines(0).ToArray().Should().OnlyContain(cosine => cosine == 0.5f);
        table.Sines(0).ToArray().Should().OnlyContain(sine => sine == 0);
        new YarnScaling(1, 64).AttentionFactor.Should().Be(1);
    }

    [Fact]
    public void Llama3Scaling_MixesBetweenTwoWavelengths() =>
        ShouldTurnBy(new RotaryTable(128, new RotaryOptions { Base = 500000, Scaling = new Llama3Scaling() }), pair =>
        {
            double frequency = Math.Pow(500000, -2.0 * pair / 128);
            double wavelength = 2 * Math.PI / frequency;
            double smooth = ((8192 / wavelength) - 1) / (4 - 1);
            return wavelength < 8192 / 4.0 ? frequency
                : wavelength > 8192 ? frequency / 8
                : ((1 - smooth) * frequency / 8) + (smooth * frequency);
        });

    [Fact]
    public void ScalingByOne_ChangesNothing()
    {
        RotaryTable plain = new(32);
        foreach (RotaryScaling scaling in (RotaryScaling[])[new LinearScaling(1), new NtkScaling(1), new YarnScaling(1, 64), new Llama3Scaling(1, 64)])
        {
            RotaryTable table = Scaled(32, scaling);

            // The mix of a frequency with itself may round the angle; at position 9 that is far below a float.
            Tolerance.Reordered($"{scaling}", table.Cosines(9), plain.Cosines(9), roundings: 1);
        }
    }

    [Fact]
    public void Growing_ChangesNoBit()
    {
        RotaryTable whole = new(10, new RotaryOptions { Positions = 1000 });
        RotaryTable grown = new(10);
        grown.Positions.Should().Be(0);
        foreach (int positions in (int[])[1, 2, 65, 64, 700, 1000])
        {
            grown.Reserve(positions);
            grown.Positions.Should().BeGreaterThanOrEqualTo(positions);
        }

        for (int position = 0; position < 1000; position++)
        {
            Tolerance.SameBits($"cosines {position}", grown.Cosines(position), whole.Cosines(position));
            Tolerance.SameBits($"sines {position}", grown.Sines(position), whole.Sines(position));
        }
    }

    [Fact]
    public void Growing_IsSafeAmongThreads()
    {
        RotaryTable whole = new(6, new RotaryOptions { Positions = 4000 });
        RotaryTable shared = new(6);

        Parallel.For(0, 4000, position =>
            Tolerance.SameBits($"position {position}", shared.Cosines(position), whole.Cosines(position)));
    }

    [Fact]
    public void GivenNumbers_AreCopied()
    {
        float[] cosines = [1, 2, -1, 3, 4, -1];
        float[] sines = [5, 6, 7, 8];
        RotaryTable table = new(Layout.Strided([2, 2], [3, 1]).Read(cosines), Layout.Contiguous(2, 2).Read(sines));
        cosines[0] = 99;

        (table.RotarySize, table.Positions, table.AttentionFactor).Should().Be((4, 2, 1.0));
        table.Cosines(0).ToArray().Should().Equal(1, 2);
        table.Cosines(1).ToArray().Should().Equal(3, 4);
        table.Sines(1).ToArray().Should().Equal(7, 8);
        Refused("position", () => table.Cosines(2));
    }

    [Fact]
    public void AFixedTable_HasNoOtherPositions()
    {
        RotaryTable table = new(4, new RotaryOptions { Positions = 3 });

        table.Positions.Should().Be(3);
        table.Reserve(3);
        Refused("positions", () => table.Reserve(4));
        Refused("position", () => table.Sines(3));
        new RotaryTable(4, new RotaryOptions { Positions = 0 }).Positions.Should().Be(0);
    }

    [Fact]
    public void BadInput_IsNamed()
    {
        Refused("rotarySize", () => new RotaryTable(0));
        Refused("rotarySize", () => new RotaryTable(-2));
        Refused("rotarySize", () => new RotaryTable(5));
        Refused("options", () => new RotaryTable(4, new RotaryOptions { Base = 1 }));
        Refused("options", () => new RotaryTable(4, new RotaryOptions { Base = double.NaN }));
        Refused("options", () => new RotaryTable(4, new RotaryOptions { Base = double.PositiveInfinity }));
        Refused("options", () => new RotaryTable(4, new RotaryOptions { Positions = -1 }));
        Refused("options", () => new RotaryTable(4, new RotaryOptions { Positions = int.MaxValue }));
        Refused("positions", () => new RotaryTable(4).Reserve(-1));
        Refused("positions", () => new RotaryTable(4).Reserve(int.MaxValue));
        Refused("position", () => new RotaryTable(4).Cosines(-1));
        Refused("position", () => new RotaryTable(4).Sines(int.MaxValue));
        Refused("cosines", () => Given([4], [2, 2]));
        Refused("cosines", () => Given([2, 0], [2, 0]));
        Refused("sines", () => Given([2, 2], [2, 3]));
        Refused("sines", () => Given([2, 2], [4]));
        foreach (double wrong in (double[])[0.99, 0, -4, double.NaN, double.PositiveInfinity])
        {
            Refused("factor", () => new LinearScaling(wrong));
            Refused("factor", () => new NtkScaling(wrong));
            Refused("factor", () => new YarnScaling(wrong, 10));
            Refused("factor", () => new Llama3Scaling(wrong));
        }

        Refused("originalLength", () => new YarnScaling(2, 0));
        Refused("slowTurns", () => new YarnScaling(2, 10, slowTurns: 0));
        Refused("fastTurns", () => new YarnScaling(2, 10, fastTurns: 0.5));
        Refused("attentionFactor", () => new YarnScaling(2, 10, attentionFactor: 0));
        Refused("originalLength", () => new Llama3Scaling(2, -1));
        Refused("lowFactor", () => new Llama3Scaling(lowFactor: 0));
        Refused("highFactor", () => new Llama3Scaling(highFactor: 1));

        static RotaryTable Given(nint[] cosines, nint[] sines) =>
            new(Layout.Contiguous(cosines).Read(new float[6]), Layout.Contiguous(sines).Read(new float[6]));
    }

    private static RotaryTable Scaled(int rotarySize, RotaryScaling scaling) => new(rotarySize, new RotaryOptions { Scaling = scaling });

    private static double Frequency(int pair, int rotarySize) => Math.Pow(10000, -2.0 * pair / rotarySize);

    private static void ShouldTurnBy(RotaryTable table, Func<int, double> frequency, double factor = 1)
    {
        int pairs = table.RotarySize / 2;
        foreach (int position in (int[])[0, 1, 2, 63, 64, 1000])
        {
            double[] angles = [.. Enumerable.Range(0, pairs).Select(pair => position * frequency(pair))];

            // An angle of a thousand is right to 1e-13; what remains is the rounding to float.
            Tolerance.Reordered(
                $"cosines of {position}", table.Cosines(position), Array.ConvertAll(angles, angle => (float)(factor * Math.Cos(angle))), roundings: 1);
            float[] sines = Array.ConvertAll(angles, angle => (float)(factor * Math.Sin(angle)));
            Tolerance.Reordered($"sines of {position}", table.Sines(position), sines, roundings: 1);
        }
    }

    private static void Refused(string parameter, Action call) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);

    private static void Refused(string parameter, Func<object> call) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
}
