using Attention.Positions;
using Attention.TestKit;
using Attention.Tests.Golden;

namespace Attention.Tests.Positions;

public sealed class SinusoidalPositionsTests
{
    private const float Gap = 12345.678f;

    public static TheoryData<SinusoidalForm> Forms => [SinusoidalForm.Interleaved, SinusoidalForm.Halves];

    [Theory]
    [InlineData(SinusoidalForm.Interleaved, "sinusoid_paper_d4_pos0_3")]
    [InlineData(SinusoidalForm.Halves, "sinusoid_t2t_d4_pos0_3")]
    public void Fill_GivesTheGoldenNumbers(SinusoidalForm form, string name)
    {
        float[] filled = new float[16];

        SinusoidalPositions.Fill(Layout.Contiguous(4, 4).Write(filled), 0, form);

        Tolerance.Golden(name, filled, GoldenPositions.Numbers(name));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Fill_IsTheDefinition_RoundedOnce(SinusoidalForm form)
    {
        foreach (int size in (int[])[1, 2, 3, 4, 5, 6, 17, 64])
        {
            foreach (int start in (int[])[0, 7, -3, 1_000_000])
            {
                float[] filled = Filled(5, size, start, form);

                Tolerance.Reordered($"{form}, size {size} from {start}", filled, Expected(5, size, start, form), roundings: 1);
            }
        }
    }

    /// <summary>With size 2 the only frequency is 1, so that even the farthest angles are exact.</summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void Positions_MayLieBeyondAnInteger(SinusoidalForm form)
    {
        foreach (int start in (int[])[int.MaxValue - 1, int.MinValue])
        {
            Tolerance.Reordered($"{form} from {start}", Filled(5, 2, start, form), Expected(5, 2, start, form), roundings: 1);
        }
    }

    [Fact]
    public void OddAndTinySizes_AreDefined()
    {
        Filled(1, 3, 1, SinusoidalForm.Interleaved)[2].Should().Be((float)Math.Sin(Math.Pow(10000, -2.0 / 3)), "the last channel is a sine");
        Filled(1, 5, 1, SinusoidalForm.Halves)[4].Should().Be(0, "the last channel is padding");
        Filled(1, 2, 2, SinusoidalForm.Halves).Should().Equal([(float)Math.Sin(2), (float)Math.Cos(2)], "a single frequency is 1");
        Filled(1, 1, 2, SinusoidalForm.Halves).Should().Equal([0f], "there is no pair");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Add_AddsWhatFillWrites(SinusoidalForm form)
    {
        float[] given = AttentionProblems.Normal(new Random(1), 5 * 7);
        float[] sum = [.. given];

        SinusoidalPositions.Add(Layout.Contiguous(5, 7).Write(sum), 3, form);

        Tolerance.SameBits("sum", sum, [.. given.Zip(Filled(5, 7, 3, form), (left, right) => left + right)]);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Rows_MayHaveGaps(SinusoidalForm form)
    {
        float[] memory = new float[5 * 9];
        Array.Fill(memory, Gap);
        Layout layout = Layout.Strided([5, 7], [9, 1]);

        SinusoidalPositions.Fill(layout.Write(memory), 2, form);

        Tolerance.SameBits("rows", layout.Gather<float>(memory), Filled(5, 7, 2, form));
        memory.Count(number => number == Gap).Should().Be(10);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void NothingIsTouchedBeyondTheEnd(SinusoidalForm form)
    {
        using GuardedBuffer memory = new(3 * 17);

        SinusoidalPositions.Fill(Layout.Contiguous(3, 17).Write(memory.Span), 2, form);

        Tolerance.SameBits("rows", memory.Span, Filled(3, 17, 2, form));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Threads_DoNotChangeABit(SinusoidalForm form)
    {
        float[] alone = Filled(611, 66, 5, form, threads: 1);

        foreach (int threads in (int[])[2, 3, 7])
        {
            Tolerance.SameBits($"{threads} threads", Filled(611, 66, 5, form, threads), alone);
        }
    }

    [Fact]
    public void EmptyAxes_GiveNothing()
    {
        Filled(0, 4, 0, SinusoidalForm.Interleaved).Should().BeEmpty();
        Filled(4, 0, 0, SinusoidalForm.Halves).Should().BeEmpty();
    }

    [Fact]
    public void BadInput_IsNamed()
    {
        float[] memory = new float[24];
        Refused("destination", () => SinusoidalPositions.Fill(Layout.Contiguous(24).Write(memory)));
        Refused("destination", () => SinusoidalPositions.Add(Layout.Contiguous(2, 3, 4).Write(memory)));
        Refused("destination", () => SinusoidalPositions.Fill(Layout.Strided([3, 4], [8, 2]).Write(memory)));
        Refused("form", () => SinusoidalPositions.Fill(Layout.Contiguous(6, 4).Write(memory), form: (SinusoidalForm)5));
        Refused("options", () => SinusoidalPositions.Add(Layout.Contiguous(6, 4).Write(memory), options: new() { MaxDegreeOfParallelism = -1 }));
        memory.Should().OnlyContain(number => number == 0);

        static void Refused(string parameter, Action call) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private static float[] Filled(int length, int size, int start, SinusoidalForm form, int threads = 0)
    {
        float[] filled = new float[length * size];
        Array.Fill(filled, float.NaN);
        SinusoidalPositions.Fill(Layout.Contiguous(length, size).Write(filled), start, form, new() { MaxDegreeOfParallelism = threads });
        return filled;
    }

    private static float[] Expected(int length, int size, int start, SinusoidalForm form) =>
    [
        .. Enumerable.Range(0, length * size).Select(index =>
            (float)PositionLoops.Sinusoid((double)start + index / size, index % size, size, form == SinusoidalForm.Halves)),
    ];
}
