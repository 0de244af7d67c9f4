using Attention.Positions;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Positions;

/// <summary>Bad input to rotary positions: the parameter is named, and nothing is written.</summary>
public sealed class RotaryArgumentTests
{
    private static readonly Layout s_layout = Layout.Contiguous(2, 3, 4, 6);

    private readonly float[] _input = AttentionProblems.Normal(new Random(1), 300);
    private readonly float[] _output = new float[300];
    private readonly RotaryTable _table = new(6, new RotaryOptions { Positions = 10 });

    [Fact]
    public void AWrongInput_IsNamed()
    {
        Refused("input", input: Layout.Contiguous(24, 6));
        Refused("input", input: Layout.Contiguous(2, 3, 4, 5));
        Refused("input", input: Layout.Strided([2, 3, 2, 6], [72, 24, 12, 2]));
    }

    [Fact]
    public void AWrongOutput_IsNamed()
    {
        Refused("output", output: Layout.Contiguous(6, 4, 6));
        Refused("output", output: Layout.Contiguous(2, 3, 5, 6));
        Refused("output", output: Layout.Strided([2, 3, 4, 6], [144, 48, 12, 2]), room: new float[300]);
    }

    [Fact]
    public void AnOutputThatOverlapsInAnyOtherWay_IsNamed()
    {
        Refused("output", output: Layout.Strided([2, 3, 4, 6], [72, 24, 6, 1], start: 6), room: _input);
        Refused("output", output: Layout.Strided([2, 3, 4, 6], [72, 6, 18, 1]), room: _input);
        Call(s_layout, _table, 0, RotaryLayout.Half, s_layout, _input, default).Should().NotThrow();
    }

    [Fact]
    public void APositionThatTheTableLacks_IsNamed()
    {
        Refused("offset", offset: -1);
        Refused("offset", offset: 7);
        Refused("offset", offset: int.MaxValue);
        RefusedPositions([0, 1, 2, 3, 4, 5, 6, 10]);
        RefusedPositions([0, 1, 2, 3, 4, -1, 6, 7]);
        RefusedPositions([0, 1, 2, 3]);
        RefusedPositions([]);
        Call(s_layout, _table, 6, RotaryLayout.Half, s_layout, _output, default).Should().NotThrow();
    }

    [Fact]
    public void AWrongLayoutOptionOrTable_IsNamed()
    {
        Refused("layout", layout: (RotaryLayout)2);
        Refused("options", options: new() { MaxDegreeOfParallelism = -1 });
        Refused("options", options: new() { Width = (SimdWidth)77 });
        Call(s_layout, null!, 0, RotaryLayout.Half, s_layout, _output, default).Should().Throw<ArgumentNullException>().WithParameterName("table");
    }

    private void Refused(
        string parameter, Layout? input = null, Layout? output = null, float[]? room = null, int offset = 0, RotaryLayout layout = RotaryLayout.Half, PositionOptions options = default)
    {
        float[] before = [.. room ?? _output];
        Call(input ?? s_layout, _table, offset, layout, output ?? s_layout, room ?? _output, options)
            .Should().Throw<ArgumentException>().WithParameterName(parameter);
        Tolerance.SameBits("output", room ?? _output, before);
    }

    private void RefusedPositions(int[] positions)
    {
        foreach (bool inverse in (bool[])[false, true])
        {
            FluentActions.Invoking(() =>
            {
                if (inverse)
                {
                    Rotary.ApplyInverse(s_layout.Read(_input), _table, positions, RotaryLayout.Half, s_layout.Write(_output));
                }
                else
                {
                    Rotary.Apply(s_layout.Read(_input), _table, positions, RotaryLayout.Half, s_layout.Write(_output));
                }
            }).Should().Throw<ArgumentException>().WithParameterName(nameof(positions));
        }

        _output.Should().OnlyContain(value => value == 0);
    }

    private Action Call(
        Layout input, RotaryTable table, int offset, RotaryLayout layout, Layout output, float[] room, PositionOptions options) =>
        () => Rotary.Apply(input.Read(_input), table, offset, layout, output.Write(room), options);
}
