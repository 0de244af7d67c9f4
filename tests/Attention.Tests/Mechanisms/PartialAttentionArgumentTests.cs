using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to the merge: the parameter is named, and nothing is written.</summary>
public class PartialAttentionArgumentTests
{
    private static readonly string[] s_outputs = ["firstOutput", "secondOutput", "output", "outputGradient", "firstOutputGradient", "secondOutputGradient"];

    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _lengths = [];
    private int _threads;

    [Theory]
    [InlineData("firstOutput", new[] { 6, 5, 3 })]
    [InlineData("firstLogSumExp", new[] { 2, 3, 4 })]
    [InlineData("firstLogSumExp", new[] { 6, 5 })]
    [InlineData("secondOutput", new[] { 2, 3, 5, 4 })]
    [InlineData("secondLogSumExp", new[] { 2, 3, 6 })]
    [InlineData("output", new[] { 2, 3, 4, 3 })]
    [InlineData("logSumExp", new[] { 2, 2, 5 })]
    public void Merge_NamesAWrongShape(string operand, int[] lengths)
    {
        _lengths[operand] = Array.ConvertAll(lengths, length => (nint)length);

        FluentActions.Invoking(Merge).Should().Throw<ArgumentException>().WithParameterName(operand);
        ShouldBeUntouched("output", "logSumExp");
    }

    [Theory]
    [InlineData("secondOutput", new[] { 2, 3, 5, 4 })]
    [InlineData("outputGradient", new[] { 2, 3, 5, 4 })]
    [InlineData("logSumExpGradient", new[] { 2, 3, 4 })]
    [InlineData("firstOutputGradient", new[] { 2, 3, 4, 3 })]
    [InlineData("firstLogSumExpGradient", new[] { 2, 3, 4 })]
    [InlineData("secondOutputGradient", new[] { 2, 3, 4, 3 })]
    [InlineData("secondLogSumExpGradient", new[] { 2, 3, 4 })]
    public void MergeBackward_NamesAWrongShape(string operand, int[] lengths)
    {
        _lengths[operand] = Array.ConvertAll(lengths, length => (nint)length);

        FluentActions.Invoking(MergeBackward).Should().Throw<ArgumentException>().WithParameterName(operand);
        ShouldBeUntouched("firstOutputGradient", "firstLogSumExpGradient", "secondOutputGradient", "secondLogSumExpGradient");
    }

    [Theory]
    [InlineData("output", "firstLogSumExp")]
    [InlineData("output", "secondLogSumExp")]
    [InlineData("logSumExp", "firstOutput")]
    [InlineData("logSumExp", "output")]
    public void Merge_NamesAnOverlap(string written, string other)
    {
        _memory[written] = Memory(other);

        FluentActions.Invoking(Merge).Should().Throw<ArgumentException>().WithParameterName(written);
    }

    [Theory]
    [InlineData("firstOutputGradient", "firstOutput")]
    [InlineData("firstLogSumExpGradient", "outputGradient")]
    [InlineData("secondOutputGradient", "firstOutputGradient")]
    [InlineData("secondLogSumExpGradient", "secondLogSumExp")]
    public void MergeBackward_NamesAnOverlap(string written, string other)
    {
        _memory[written] = Memory(other);

        FluentActions.Invoking(MergeBackward).Should().Throw<ArgumentException>().WithParameterName(written);
    }

    [Fact]
    public void NegativeThreads_AreRefused()
    {
        _threads = -1;

        FluentActions.Invoking(Merge).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("maxDegreeOfParallelism");
        FluentActions.Invoking(MergeBackward).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("maxDegreeOfParallelism");
        ShouldBeUntouched("output", "logSumExp", "firstOutputGradient", "secondOutputGradient");
    }

    [Theory]
    [InlineData("first")]
    [InlineData("second")]
    public void Merge_MayWriteOverAPart(string part)
    {
        Merge();
        float[] output = [.. Memory("output")];
        float[] sum = [.. Memory("logSumExp")];
        _memory["output"] = Memory(part + "Output");
        _memory["logSumExp"] = Memory(part + "LogSumExp");

        Merge();

        const int Rows = 2 * 3 * 5;
        Tolerance.SameBits("output", _memory["output"].AsSpan(0, Rows * 3), output.AsSpan(0, Rows * 3));
        Tolerance.SameBits("log-sum-exp", _memory["logSumExp"].AsSpan(0, Rows), sum.AsSpan(0, Rows));
    }

    private void Merge() => PartialAttention.Merge(
        Read("firstOutput"), Read("firstLogSumExp"), Read("secondOutput"), Read("secondLogSumExp"), Write("output"), Write("logSumExp"),
        _threads);

    private void MergeBackward() => PartialAttention.MergeBackward(
        Read("firstOutput"),
        Read("firstLogSumExp"),
        Read("secondOutput"),
        Read("secondLogSumExp"),
        Read("outputGradient"),
        Read("logSumExpGradient"),
        Write("firstOutputGradient"),
        Write("firstLogSumExpGradient"),
        Write("secondOutputGradient"),
        Write("secondLogSumExpGradient"),
        _threads);

    private void ShouldBeUntouched(params string[] names)
    {
        foreach (string name in names)
        {
            float[] memory = Memory(name);
            _memory.Remove(name);
            Tolerance.SameBits(name, memory, Memory(name));
        }
    }

    private ReadOnlyTensorSpan<float> Read(string name) => View(name).Read(Memory(name));

    private TensorSpan<float> Write(string name) => View(name).Write(Memory(name));

    private Layout View(string name) => Layout.Contiguous(_lengths.GetValueOrDefault(name) ?? (s_outputs.Contains(name) ? [2, 3, 5, 3] : [2, 3, 5]));

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory)
            ? memory
            : _memory[name] = AttentionProblems.Normal(new Random(name.Length + name[0]), 200);
}
