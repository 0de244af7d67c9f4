using Attention.TestKit;

namespace Attention.Tests.TestKit;

public class ToleranceTests
{
    private static readonly double[] s_reference = [1, -2, 3, 4];
    private static readonly float[] s_plain = [1, -2, 3.001f, 4];

    [Fact]
    public void Mechanism_AllowsTwiceThePlainError() =>
        Tolerance.Mechanism("x", [1.0019f, -2, 3, 4], s_reference, s_plain, sensitivity: 1, rows: 1);

    [Fact]
    public void Mechanism_NamesTheWorstElement()
    {
        Action act = () => Tolerance.Mechanism("x", [1.003f, -2.5f, 3, 4], s_reference, s_plain, sensitivity: 1, rows: 1);

        act.Should().Throw<ToleranceException>()
            .WithMessage("x[1] of 4 is -2.5, not -2: off by 0.5, allowed 0.00200*2 elements are wrong.");
    }

    [Fact]
    public void Mechanism_HasAFloorOfAFewRoundings()
    {
        Tolerance.Mechanism("x", [1.0000001f], [1], [1], sensitivity: 1, rows: 1);

        Action act = () => Tolerance.Mechanism("x", [1.000001f], [1], [1], sensitivity: 1, rows: 1);

        act.Should().Throw<ToleranceException>();
    }

    [Theory]
    [InlineData(float.NaN, 1)]
    [InlineData(1, double.NaN)]
    [InlineData(float.PositiveInfinity, double.NegativeInfinity)]
    [InlineData(float.NegativeInfinity, 1)]
    [InlineData(float.NaN, double.PositiveInfinity)]
    public void NonFinite_MustStandInTheSamePlaces(float actual, double expected)
    {
        Action[] rules =
        [
            () => Tolerance.Mechanism("x", [actual], [expected], [1], sensitivity: 1e9, rows: 1),
            () => Tolerance.Golden("x", [actual], [expected]),
            () => Tolerance.Half("x", [actual], [expected]),
            () => Tolerance.Reordered("x", [actual], [(float)expected]),
            () => Tolerance.SameBits("x", [actual], [(float)expected]),
        ];

        foreach (Action rule in rules)
        {
            rule.Should().Throw<ToleranceException>();
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void NonFinite_InTheSamePlacesIsRight(float number)
    {
        Tolerance.Mechanism("x", [number], [number], [number], sensitivity: 1, rows: 1);
        Tolerance.Golden("x", [number], [number]);
        Tolerance.Half("x", [number], [number]);
        Tolerance.Reordered("x", [number], [number]);
        Tolerance.SameBits("x", [number], [number]);
    }

    [Fact]
    public void Mechanism_NeedsAFiniteYardstick()
    {
        Action act = () => Tolerance.Mechanism("x", [1f], [1], [float.NaN], sensitivity: 1, rows: 1);

        act.Should().Throw<ToleranceException>();
    }

    [Fact]
    public void Golden_IsRelativeToOnePlusTheNumber()
    {
        Tolerance.Golden("x", [100.0009f], [100]);

        Action act = () => Tolerance.Golden("x", [100.0011f], [100]);

        act.Should().Throw<ToleranceException>();
    }

    [Fact]
    public void SameBits_TellsZerosApart()
    {
        Action act = () => Tolerance.SameBits("x", [0f], [-0f]);

        act.Should().Throw<ToleranceException>().WithMessage("x[0] of 1*0x00000000*0x80000000*");
    }

    [Fact]
    public void Length_MustAgree()
    {
        Action act = () => Tolerance.Golden("x", [1f], [1, 2]);

        act.Should().Throw<ToleranceException>().WithMessage("x has 1 elements, not 2.");
    }
}
