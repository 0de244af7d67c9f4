using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to the forward pass and to scores: the parameter is named, and nothing is written.</summary>
public class ScaledDotProductAttentionArgumentTests
{
    private static readonly AttentionShape s_shape = new(2, 4, 2, 5, 7, 6, 3);

    public static TheoryData<string, string, int[]> WrongShapes => new()
    {
        { "query", "query", [8, 5, 6] },
        { "query", "query", [1, 2, 4, 5, 6] },
        { "query", "query", [2, 4, 5, 0] },
        { "key", "key", [4, 7, 6] },
        { "key", "key", [3, 2, 7, 6] },
        { "key", "key", [2, 3, 7, 6] },
        { "key", "key", [2, 8, 7, 6] },
        { "key", "key", [2, 0, 7, 6] },
        { "key", "key", [2, 2, 7, 5] },
        { "value", "value", [4, 7, 3] },
        { "value", "value", [3, 2, 7, 3] },
        { "value", "value", [2, 4, 7, 3] },
        { "value", "value", [2, 2, 8, 3] },
        { "output", "output", [8, 5, 3] },
        { "output", "output", [3, 4, 5, 3] },
        { "output", "output", [2, 2, 5, 3] },
        { "output", "output", [2, 4, 6, 3] },
        { "output", "output", [2, 4, 5, 4] },
        { "logSumExp", "logSumExp", [8, 5] },
        { "logSumExp", "logSumExp", [2, 4, 6] },
        { "logSumExp", "logSumExp", [2, 2, 5] },
        { "bias", "terms", [1, 2, 4, 5, 7] },
        { "bias", "terms", [2, 4, 5, 6] },
        { "bias", "terms", [3, 7] },
        { "bias", "terms", [2, 1, 1] },
        { "sinks", "terms", [3] },
        { "sinks", "terms", [1] },
        { "mask", "mask", [1, 4, 5, 6] },
        { "mask", "mask", [3, 1, 1, 7] },
    };

    public static TheoryData<AttentionOptions> WrongOptions =>
    [
        new() { Scale = float.NaN },
        new() { Scale = float.PositiveInfinity },
        new() { Scale = float.NegativeInfinity },
        new() { Dropout = -0.001f },
        new() { Dropout = 1.001f },
        new() { Dropout = float.NaN },
        new() { MaxDegreeOfParallelism = -1 },
        new() { Width = (Attention.Simd.SimdWidth)77 },
    ];

    [Theory]
    [MemberData(nameof(WrongShapes))]
    public void AWrongShape_IsNamed(string operand, string parameter, int[] lengths)
    {
        Inputs inputs = new();
        inputs.Layouts[operand] = Layout.Contiguous(Array.ConvertAll(lengths, length => (nint)length));

        ShouldThrow(inputs, default, parameter).Message.Should().Contain(lengths.Length == 1 ? $"{lengths[0]}" : $"[{string.Join(", ", lengths)}]");
    }

    [Theory]
    [InlineData("query", "query", new[] { 2, 4, 5, 6 })]
    [InlineData("key", "key", new[] { 2, 2, 7, 6 })]
    [InlineData("value", "value", new[] { 2, 2, 7, 3 })]
    [InlineData("output", "output", new[] { 2, 4, 5, 3 })]
    [InlineData("bias", "terms", new[] { 2, 4, 5, 7 })]
    public void ALastAxisThatIsNotContiguous_IsNamed(string operand, string parameter, int[] lengths)
    {
        Inputs inputs = new();
        nint[] axes = Array.ConvertAll(lengths, length => (nint)length);
        nint stride = 2 * axes[3];
        inputs.Layouts[operand] = Layout.Strided(axes, [axes[1] * axes[2] * stride, axes[2] * stride, stride, 2]);

        ShouldThrow(inputs, default, parameter).Message.Should().Contain("contiguous");
    }

    [Theory]
    [MemberData(nameof(WrongOptions), DisableDiscoveryEnumeration = true)]
    public void AWrongOption_IsNamed(AttentionOptions options) => ShouldThrow(new Inputs(), options, "options");

    [Theory]
    [InlineData("query")]
    [InlineData("key")]
    [InlineData("value")]
    [InlineData("bias")]
    [InlineData("sinks")]
    [InlineData("logSumExp")]
    public void AnOutputThatOverlaps_IsNamed(string other)
    {
        Inputs inputs = new();
        inputs.Memory["output"] = inputs.Memory[other];

        ShouldThrow(inputs, default, other == "logSumExp" ? "logSumExp" : "output");
    }

    [Theory]
    [InlineData("query")]
    [InlineData("key")]
    [InlineData("value")]
    [InlineData("bias")]
    [InlineData("sinks")]
    public void ALogSumExpThatOverlaps_IsNamed(string other)
    {
        Inputs inputs = new();
        inputs.Memory["logSumExp"] = inputs.Memory[other];

        ShouldThrow(inputs, default, "logSumExp");
    }

    [Fact]
    public void ValuesThatAreTheKeys_AreNoOverlap()
    {
        Inputs inputs = new();
        inputs.Memory["value"] = inputs.Memory["key"];

        inputs.Invoking(each => each.Forward(default)).Should().NotThrow();
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void AHeadOrQueryThatIsNone_IsNamed(int index)
    {
        Scores([index], []).Should().Throw<ArgumentException>().WithParameterName("heads");
        Scores([], [index + (index > 0 ? 1 : 0)]).Should().Throw<ArgumentException>().WithParameterName("queries");
    }

    [Fact]
    public void AWrongStageOrDestination_IsNamed()
    {
        Scores([], [], stage: (ScoreStage)9).Should().Throw<ArgumentException>().WithParameterName("stage");
        Scores([], [], destination: [2, 4, 5, 8]).Should().Throw<ArgumentException>().WithParameterName("destination");
        Scores([1], [], destination: [2, 4, 5, 7]).Should().Throw<ArgumentException>().WithParameterName("destination");
        Scores([1], [2, 3], destination: [2, 1, 2, 7]).Should().NotThrow();
    }

    [Fact]
    public void ScoresIntoAnInput_AreRefused()
    {
        float[] shared = new float[2000];

        FluentActions.Invoking(() => ScaledDotProductAttention.Scores(
                Layout.Contiguous(s_shape.QueryLengths).Read(shared),
                Layout.Contiguous(s_shape.KeyLengths).Read(new float[1000]),
                default(NoMask),
                default(NoModifier),
                default,
                default,
                ScoreStage.Raw,
                [],
                [],
                Layout.Contiguous(s_shape.ScoreLengths).Write(shared)))
            .Should().Throw<ArgumentException>().WithParameterName("destination");
    }

    private static Action Scores(int[] heads, int[] queries, ScoreStage stage = ScoreStage.Raw, nint[]? destination = null) =>
        () => ScaledDotProductAttention.Scores(
            Layout.Contiguous(s_shape.QueryLengths).Read(new float[1000]),
            Layout.Contiguous(s_shape.KeyLengths).Read(new float[1000]),
            default(NoMask),
            default(NoModifier),
            default,
            default,
            stage,
            heads,
            queries,
            Layout.Contiguous(destination ?? s_shape.ScoreLengths).Write(new float[1000]));

    private static ArgumentException ShouldThrow(Inputs inputs, AttentionOptions options, string parameter)
    {
        ArgumentException exception = inputs.Invoking(each => each.Forward(options))
            .Should().Throw<ArgumentException>().WithParameterName(parameter).Which;
        inputs.ShouldBeUntouched();
        return exception;
    }

    /// <summary>The tensors of a call that is right until a test changes one of them.</summary>
    private sealed class Inputs
    {
        private const float Untouched = 7.5f;

        public Dictionary<string, Layout> Layouts { get; } = new()
        {
            ["query"] = Layout.Contiguous(s_shape.QueryLengths),
            ["key"] = Layout.Contiguous(s_shape.KeyLengths),
            ["value"] = Layout.Contiguous(s_shape.ValueLengths),
            ["output"] = Layout.Contiguous(s_shape.OutputLengths),
            ["logSumExp"] = Layout.Contiguous(s_shape.RowLengths),
            ["bias"] = Layout.Contiguous(s_shape.ScoreLengths),
            ["sinks"] = Layout.Contiguous(s_shape.Heads),
            ["mask"] = Layout.Contiguous(1),
        };

        public Dictionary<string, float[]> Memory { get; } =
            new[] { "query", "key", "value", "output", "logSumExp", "bias", "sinks" }.ToDictionary(name => name, _ => Filled());

        public void Forward(AttentionOptions options)
        {
            Layout mask = Layouts["mask"];
            ScaledDotProductAttention.Forward(
                Read("query"),
                Read("key"),
                Read("value"),
                new DenseMask(mask.Read(new bool[mask.Count])),
                default(NoModifier),
                new ScoreTerms { Bias = Read("bias"), SinkLogits = Memory["sinks"].AsSpan(0, Layouts["sinks"].Count) },
                Layouts["output"].Write(Memory["output"]),
                Layouts["logSumExp"].Write(Memory["logSumExp"]),
                options);
        }

        public void ShouldBeUntouched()
        {
            Tolerance.SameBits("output", Memory["output"], Filled());
            Tolerance.SameBits("log-sum-exp", Memory["logSumExp"], Filled());
        }

        private ReadOnlyTensorSpan<float> Read(string name) => Layouts[name].Read(Memory[name]);

        private static float[] Filled()
        {
            float[] memory = new float[1000];
            Array.Fill(memory, Untouched);
            return memory;
        }
    }
}
