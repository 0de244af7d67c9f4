using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to packed calls: the parameter is named, and nothing is written.</summary>
public class ScaledDotProductAttentionPackedArgumentTests
{
    private const int Heads = 2;
    private const int Size = 4;

    public static TheoryData<int[], int[], string> WrongLengths => new()
    {
        { [], [], "cumulativeQueryLengths" },
        { [0, 2, 5], [], "cumulativeKeyLengths" },
        { [0, 5], [0, 3, 7], "cumulativeKeyLengths" },
        { [1, 5], [0, 7], "cumulativeQueryLengths" },
        { [0, 5], [1, 7], "cumulativeKeyLengths" },
        { [0, 4, 3, 5], [0, 1, 2, 7], "cumulativeQueryLengths" },
        { [0, 1, 2, 5], [0, 4, 3, 7], "cumulativeKeyLengths" },
        { [0, -1, 5], [0, 1, 7], "cumulativeQueryLengths" },
        { [0, 6], [0, 7], "cumulativeQueryLengths" },
        { [0, 4], [0, 7], "cumulativeQueryLengths" },
        { [0, 5], [0, 8], "cumulativeKeyLengths" },
        { [0, 5], [0, 6], "cumulativeKeyLengths" },
    };

    public static TheoryData<string, int[]> WrongShapes => new()
    {
        { "query", [1, 5, 2, 4] },
        { "query", [5, 2, 0] },
        { "key", [7, 3, 4] },
        { "key", [7, 2, 5] },
        { "value", [8, 2, 4] },
        { "value", [7, 1, 4] },
        { "output", [5, 2, 5] },
        { "output", [6, 2, 4] },
        { "logSumExp", [5, 2] },
        { "logSumExp", [2, 6] },
    };

    [Theory]
    [MemberData(nameof(WrongLengths))]
    public void WrongCumulativeLengths_AreNamed(int[] queries, int[] keys, string parameter) =>
        ShouldThrow(parameter, queries, keys);

    [Theory]
    [MemberData(nameof(WrongShapes))]
    public void AWrongShape_IsNamed(string operand, int[] lengths) =>
        ShouldThrow(operand, [0, 2, 5], [0, 3, 7], operand, Array.ConvertAll(lengths, length => (nint)length));

    [Fact]
    public void ABias_IsRefused() => ShouldThrow("terms", [0, 2, 5], [0, 3, 7], withBias: true);

    [Fact]
    public void AMaskForFewerSequences_IsNamed()
    {
        float[] written = new float[100];

        FluentActions.Invoking(() => Forward(
                [0, 2, 5], [0, 3, 7], "", [], CausalMask.PerBatch([1]), default, new float[100], written, written))
            .Should().Throw<ArgumentException>().WithParameterName("mask");
        written.Should().OnlyContain(number => number == 0);
    }

    [Fact]
    public void AnOutputThatOverlaps_IsNamed()
    {
        float[] shared = new float[100];

        FluentActions.Invoking(() => Forward([0, 2, 5], [0, 3, 7], "", [], default(NoMask), default, shared, shared, new float[100]))
            .Should().Throw<ArgumentException>().WithParameterName("output");
    }

    private static void ShouldThrow(
        string parameter, int[] queries, int[] keys, string operand = "", nint[]? lengths = null, bool withBias = false)
    {
        float[] output = new float[100];
        float[] logSumExp = new float[100];
        FluentActions.Invoking(() =>
            {
                ScoreTerms terms = withBias ? new ScoreTerms { Bias = Layout.Contiguous(1).Read(new float[1]) } : default;
                Forward(queries, keys, operand, lengths ?? [], default(NoMask), terms, new float[100], output, logSumExp);
            })
            .Should().Throw<ArgumentException>().WithParameterName(parameter);
        output.Should().OnlyContain(number => number == 0);
        logSumExp.Should().OnlyContain(number => number == 0);
    }

    private static void Forward<TMask>(
        int[] queries,
        int[] keys,
        string operand,
        nint[] lengths,
        TMask mask,
        ScoreTerms terms,
        float[] query,
        float[] output,
        float[] logSumExp)
        where TMask : struct, IAttentionMask
    {
        Layout Of(string name, params nint[] right) => Layout.Contiguous(name == operand ? lengths : right);
        ScaledDotProductAttention.ForwardPacked(
            Of("query", 5, Heads, Size).Read(query),
            Of("key", 7, Heads, Size).Read(new float[100]),
            Of("value", 7, Heads, Size).Read(new float[100]),
            queries,
            keys,
            mask,
            default(NoModifier),
            terms,
            Of("output", 5, Heads, Size).Write(output),
            Of("logSumExp", Heads, 5).Write(logSumExp));
    }
}
