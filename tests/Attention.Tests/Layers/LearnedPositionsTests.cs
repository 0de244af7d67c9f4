using Attention.Autodiff;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Tests.Layers;

public class LearnedPositionsTests
{
    private const int Count = 6;
    private const int Size = 4;

    [Fact]
    public void OffsetAndPositions_NameTheSameRows()
    {
        using LearnedPositions layer = LayerNumbers.Filled(new LearnedPositions(Count, Size), 1);
        using Variable input = LayerNumbers.Input(2, 2, 3, Size);

        float[] byOffset = LayerNumbers.Take(layer.Forward(input, 3));
        float[] byPositions = LayerNumbers.Take(layer.Forward(input, [3, 4, 5, 3, 4, 5]));

        Tolerance.SameBits("positions", byPositions, byOffset);
        float[] table = layer.Weight.Data.ToArray();
        Tolerance.SameBits("sum", byOffset, [.. input.Data.ToArray().Select((x, i) => x + table[12 + i % 12])]);
    }

    [Fact]
    public void TheLastPosition_IsTheLastRow()
    {
        using var layer = new LearnedPositions(Count, Size);
        using Variable whole = LayerNumbers.Input(2, Count, Size);
        using Variable empty = LayerNumbers.Input(2, 2, 0, Size);

        LayerNumbers.Take(layer.Forward(whole)).Should().HaveCount(Count * Size);
        LayerNumbers.Take(layer.Forward(empty, Count)).Should().BeEmpty();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void AnOffsetBeyondTheTable_IsRefused(int offset)
    {
        using var layer = new LearnedPositions(Count, Size);
        using Variable input = LayerNumbers.Input(2, 1, Count, Size);
        Dictionary<string, float[]> before = LayerNumbers.Parameters(layer);
        Action act = () => layer.Forward(input, offset);

        act.Should().Throw<ArgumentOutOfRangeException>().WithParameterName(nameof(offset)).WithMessage($"*{offset + (long)Count - 1}*0 to 5*");
        LayerNumbers.Parameters(layer).Should().BeEquivalentTo(before);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(-1)]
    public void APositionBeyondTheTable_IsRefused(int position)
    {
        using var layer = new LearnedPositions(Count, Size);
        using Variable input = LayerNumbers.Input(2, 1, 2, Size);
        Action act = () => layer.Forward(input, [0, position]);

        act.Should().Throw<ArgumentOutOfRangeException>().WithParameterName("positions").WithMessage($"*{position}*0 to 5*");
    }
}
