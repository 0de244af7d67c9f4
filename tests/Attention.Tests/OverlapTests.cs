using System.Numerics.Tensors;

namespace Attention.Tests;

public class OverlapTests
{
    private readonly float[] _memory = new float[1000];

    [Theory]
    [InlineData(0, 10, 10, 10, false)]
    [InlineData(0, 10, 9, 10, true)]
    [InlineData(9, 10, 0, 10, true)]
    [InlineData(10, 10, 0, 10, false)]
    [InlineData(0, 10, 3, 1, true)]
    [InlineData(0, 0, 0, 10, false)]
    public void Runs_OverlapWhereTheyShareAnElement(int leftStart, int leftCount, int rightStart, int rightCount, bool expected)
    {
        ReadOnlyTensorSpan<float> left = View([leftCount], [1], leftStart);
        ReadOnlyTensorSpan<float> right = View([rightCount], [1], rightStart);

        Overlap.Between(left, right).Should().Be(expected);
    }

    [Fact]
    public void Absent_OverlapsNothing() => Overlap.Between(default, View([10], [1], 0)).Should().BeFalse();

    [Theory]
    [InlineData(0, 24, false)]
    [InlineData(24, 48, false)]
    [InlineData(48, 0, false)]
    [InlineData(0, 23, true)]
    [InlineData(24, 49, false)]
    [InlineData(0, 49, true)]
    [InlineData(0, 72, true)]
    [InlineData(24, 24 + 8, true)]
    public void PackedProjections_OverlapWhereTheirColumnsDo(int leftColumn, int rightColumn, bool expected)
    {
        // [batch 2, length 5, 3 x 24 columns] as [batch 2, heads 3, length 5, size 8].
        nint[] lengths = [2, 3, 5, 8];
        nint[] strides = [5 * 72, 8, 72, 1];

        Overlap.Between(View(lengths, strides, leftColumn), View(lengths, strides, rightColumn)).Should().Be(expected);
    }

    [Fact]
    public void EveryAnswerNo_IsTrue()
    {
        Random random = new(5);
        int apart = 0;
        for (int i = 0; i < 20000; i++)
        {
            (nint[] lengths, nint[] strides, int start) left = Layout(random);
            (nint[] lengths, nint[] strides, int start) right = Layout(random);
            ReadOnlyTensorSpan<float> leftView = View(left.lengths, left.strides, left.start);
            ReadOnlyTensorSpan<float> rightView = View(right.lengths, right.strides, right.start);
            if (!Overlap.Between(leftView, rightView))
            {
                apart++;
                Places(left.lengths, left.strides, left.start).Overlaps(Places(right.lengths, right.strides, right.start))
                    .Should().BeFalse("case {0}", i);
            }
        }

        apart.Should().BeGreaterThan(1000, "the cases should be of both kinds");
    }

    private static (nint[] Lengths, nint[] Strides, int Start) Layout(Random random)
    {
        nint run = random.Next(1, 5);
        nint middle = random.Next(1, 4);
        nint step = random.Next(2) == 0 ? run : random.Next((int)run, 9);
        nint outer = random.Next(4) == 0 ? random.Next((int)(middle * step), 40) : 36;
        nint count = random.Next(1, 4);
        int start = random.Next(0, 48);
        return random.Next(2) == 0 ? ([count, middle, run], [outer, step, 1], start) : ([middle, count, run], [step, outer, 1], start);
    }

    private static HashSet<nint> Places(nint[] lengths, nint[] strides, int start)
    {
        HashSet<nint> places = [];
        for (nint i = 0; i < lengths[0]; i++)
        {
            for (nint j = 0; j < lengths[1]; j++)
            {
                for (nint k = 0; k < lengths[2]; k++)
                {
                    places.Add(start + (i * strides[0]) + (j * strides[1]) + (k * strides[2]));
                }
            }
        }

        return places;
    }

    private ReadOnlyTensorSpan<float> View(nint[] lengths, nint[] strides, int start) =>
        Attention.TestKit.Layout.Strided(lengths, strides, start).Read(_memory);
}
