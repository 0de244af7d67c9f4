using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to the backward pass: the parameter is named, and nothing is written.</summary>
public class ScaledDotProductAttentionBackwardArgumentTests
{
    private static readonly AttentionShape s_shape = new(2, 4, 2, 5, 7, 6, 3);

    private static readonly string[] s_written = ["queryGradient", "keyGradient", "valueGradient", "biasGradient", "sinkGradient"];

    public static TheoryData<string, string, int[]> WrongShapes => new()
    {
        { "query", "query", [8, 5, 6] },
        { "key", "key", [2, 3, 7, 6] },
        { "value", "value", [2, 2, 8, 3] },
        { "output", "output", [2, 4, 5, 4] },
        { "logSumExp", "logSumExp", [2, 4, 6] },
        { "outputGradient", "outputGradient", [2, 4, 6, 3] },
        { "outputGradient", "outputGradient", [8, 5, 3] },
        { "logSumExpGradient", "logSumExpGradient", [2, 4, 6] },
        { "queryGradient", "queryGradient", [2, 4, 5, 5] },
        { "queryGradient", "queryGradient", [2, 20, 6] },
        { "keyGradient", "keyGradient", [2, 4, 7, 6] },
        { "valueGradient", "valueGradient", [2, 2, 7, 6] },
        { "bias", "terms", [3, 7] },
        { "biasGradient", "termGradients", [4, 5, 7] },
        { "biasGradient", "termGradients", [1, 4, 5, 7] },
        { "sinks", "terms", [3] },
        { "sinkGradient", "termGradients", [3] },
    };

    public static TheoryData<string, string, string> Overlaps
    {
        get
        {
            TheoryData<string, string, string> overlaps = [];
            foreach ((string written, string parameter) in new[]
            {
                ("queryGradient", "queryGradient"), ("keyGradient", "keyGradient"),
                ("valueGradient", "valueGradient"), ("biasGradient", "termGradients"), ("sinkGradient", "termGradients"),
            })
            {
                foreach (string other in new[] { "query", "key", "value", "output", "outputGradient", "logSumExp", "logSumExpGradient", "bias", "sinks" })
                {
                    overlaps.Add(written, other, parameter);
                }
            }

            overlaps.Add("keyGradient", "queryGradient", "keyGradient");
            overlaps.Add("valueGradient", "queryGradient", "valueGradient");
            overlaps.Add("valueGradient", "keyGradient", "valueGradient");
            overlaps.Add("biasGradient", "queryGradient", "termGradients");
            overlaps.Add("biasGradient", "keyGradient", "termGradients");
            overlaps.Add("biasGradient", "valueGradient", "termGradients");
            overlaps.Add("sinkGradient", "queryGradient", "termGradients");
            overlaps.Add("sinkGradient", "keyGradient", "termGradients");
            overlaps.Add("sinkGradient", "valueGradient", "termGradients");
            overlaps.Add("sinkGradient", "biasGradient", "termGradients");
            return overlaps;
        }
    }

    [Theory]
    [MemberData(nameof(WrongShapes))]
    public void AWrongShape_IsNamed(string operand, string parameter, int[] lengths)
    {
        Operands operands = new();
        operands.Layouts[operand] = Layout.Contiguous(Array.ConvertAll(lengths, length => (nint)length));

        ShouldThrow(operands, default, parameter);
    }

    [Theory]
    [MemberData(nameof(Overlaps))]
    public void AnOverlap_IsNamed(string written, string other, string parameter)
    {
        Operands operands = new();
        operands.Memory[written] = operands.Memory[other];

        ShouldThrow(operands, default, parameter);
    }

    [Fact]
    public void AMissingLogSumExp_IsNamed()
    {
        Operands operands = new() { WithLogSumExp = false };

        ShouldThrow(operands, default, "logSumExp");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AGradientOfWhatIsAbsent_IsNamed(bool bias)
    {
        Operands operands = new() { WithBias = !bias, WithSinks = bias };

        ShouldThrow(operands, default, "termGradients");
    }

    [Fact]
    public void AWrongOption_IsNamed() => ShouldThrow(new Operands(), new AttentionOptions { Scale = float.NaN }, "options");

    [Fact]
    public void AMaskOfAnotherSize_IsNamed() => ShouldThrow(new Operands { KeysOfMask = 6 }, default, "mask");

    [Fact]
    public void TheRightCall_IsNotRefused() => new Operands().Invoking(each => each.Backward(default)).Should().NotThrow();

    [Fact]
    public void GradientsInOnePackedProjection_AreNotRefused()
    {
        AttentionShape shape = new(2, 3, 3, 5, 5, 8, 8);
        const int RowSize = 3 * 3 * 8;
        float[] projection = AttentionProblems.Normal(new Random(1), 2 * 5 * RowSize);
        float[] gradient = new float[projection.Length];
        Layout[] views = [.. Enumerable.Range(0, 3).Select(part => Layout.OfPositions(2, 3, 5, 8, RowSize, part * 24))];
        AttentionProblem<float> problem = AttentionProblems.Random(shape) with
        {
            Query = views[0].Gather<float>(projection),
            Key = views[1].Gather<float>(projection),
            Value = views[2].Gather<float>(projection),
        };
        using AttentionMemory separate = new(problem);
        PolicyCases.Get("none").Forward(separate);
        PolicyCases.Get("none").Backward(separate);

        ScaledDotProductAttention.Backward(
            views[0].Read(projection),
            views[1].Read(projection),
            views[2].Read(projection),
            separate.Output.Read(),
            separate.LogSumExp.Read(),
            separate.OutputGradient.Read(),
            views[0].Write(gradient),
            views[1].Write(gradient),
            views[2].Write(gradient));

        Tolerance.SameBits("gradient of query", views[0].Gather<float>(gradient), separate.QueryGradient.Gather());
        Tolerance.SameBits("gradient of key", views[1].Gather<float>(gradient), separate.KeyGradient.Gather());
        Tolerance.SameBits("gradient of value", views[2].Gather<float>(gradient), separate.ValueGradient.Gather());
    }

    private static void ShouldThrow(Operands operands, AttentionOptions options, string parameter)
    {
        operands.Invoking(each => each.Backward(options)).Should().Throw<ArgumentException>().WithParameterName(parameter);
        operands.ShouldBeUntouched();
    }

    /// <summary>The tensors of a call that is right until a test changes one of them.</summary>
    private sealed class Operands
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
            ["outputGradient"] = Layout.Contiguous(s_shape.OutputLengths),
            ["logSumExpGradient"] = Layout.Contiguous(s_shape.RowLengths),
            ["queryGradient"] = Layout.Contiguous(s_shape.QueryLengths),
            ["keyGradient"] = Layout.Contiguous(s_shape.KeyLengths),
            ["valueGradient"] = Layout.Contiguous(s_shape.ValueLengths),
            ["biasGradient"] = Layout.Contiguous(s_shape.ScoreLengths),
            ["sinkGradient"] = Layout.Contiguous(s_shape.Heads),
        };

        public Dictionary<string, float[]> Memory { get; }

        public bool WithLogSumExp { get; init; } = true;

        public bool WithBias { get; init; } = true;

        public bool WithSinks { get; init; } = true;

        public int KeysOfMask { get; init; } = 1;

        public Operands()
        {
            Memory = Layouts.Keys.ToDictionary(name => name, _ => Filled());
        }

        public void Backward(AttentionOptions options) => ScaledDotProductAttention.Backward(
            Read("query"),
            Read("key"),
            Read("value"),
            new DenseMask(Layout.Contiguous(KeysOfMask).Read(new bool[KeysOfMask])),
            default(NoModifier),
            new ScoreTerms { Bias = WithBias ? Read("bias") : default, SinkLogits = WithSinks ? Numbers("sinks") : default },
            Read("output"),
            WithLogSumExp ? Read("logSumExp") : default,
            Read("outputGradient"),
            Read("logSumExpGradient"),
            Write("queryGradient"),
            Write("keyGradient"),
            Write("valueGradient"),
            new ScoreTermGradients { Bias = Write("biasGradient"), SinkLogits = Numbers("sinkGradient") },
            options);

        public void ShouldBeUntouched()
        {
            foreach (string name in s_written)
            {
                Tolerance.SameBits(name, Memory[name], Filled());
            }
        }

        private ReadOnlyTensorSpan<float> Read(string name) => Layouts[name].Read(Memory[name]);

        private TensorSpan<float> Write(string name) => Layouts[name].Write(Memory[name]);

        private Span<float> Numbers(string name) => Memory[name].AsSpan(0, Layouts[name].Count);

        private static float[] Filled()
        {
            float[] memory = new float[1000];
            Array.Fill(memory, Untouched);
            return memory;
        }
    }
}
