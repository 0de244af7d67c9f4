using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to monotonic attention: the parameter is named, and nothing is written.</summary>
public class MonotonicAttentionArgumentTests
{
    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _lengths = [];
    private KeyLengthMask _mask = new(6);
    private AttentionOptions _options;
    private int _width = 2;

    [Theory]
    [InlineData("Forward")]
    [InlineData("ForwardHard")]
    [InlineData("Backward")]
    [InlineData("Chunks")]
    [InlineData("ChunksBackward")]
    public void MaskAndOptions_AreNamed(string call)
    {
        FluentActions.Invoking(() => Call(call)).Should().NotThrow();
        _memory.Clear();
        _mask = new(7);
        Refuses(call, "mask");
        _mask = new(6);
        _options = new() { MaxDegreeOfParallelism = -1 };
        Refuses(call, "options");
    }

    [Theory]
    [InlineData("Forward", "energies")]
    [InlineData("Forward", "alignment", "alignment")]
    [InlineData("ForwardHard", "alignment", "alignment")]
    [InlineData("Backward", "alignment", "alignment")]
    [InlineData("Backward", "alignmentGradient", "alignmentGradient")]
    [InlineData("Backward", "energyGradient", "energyGradient")]
    [InlineData("Chunks", "chunkEnergies", "chunkEnergies")]
    [InlineData("Chunks", "weights", "weights")]
    [InlineData("ChunksBackward", "weightGradient", "weightGradient")]
    [InlineData("ChunksBackward", "alignmentGradient", "alignmentGradient")]
    [InlineData("ChunksBackward", "chunkEnergyGradient", "chunkEnergyGradient")]
    public void AWrongShape_IsNamed(string call, string operand, string? fourAxes = null)
    {
        _lengths[operand] = fourAxes is null ? [2, 20, 6] : [2, 4, 5, 5];
        Refuses(call, operand);
    }

    [Theory]
    [InlineData("Forward", "alignment", "energies")]
    [InlineData("Backward", "energyGradient", "alignment")]
    [InlineData("Chunks", "weights", "chunkEnergies")]
    [InlineData("ChunksBackward", "alignmentGradient", "weightGradient")]
    [InlineData("ChunksBackward", "chunkEnergyGradient", "alignmentGradient")]
    public void AnOverlap_IsNamed(string call, string written, string other)
    {
        _memory[written] = Memory(other);
        FluentActions.Invoking(() => Call(call)).Should().Throw<ArgumentException>().WithParameterName(written);
    }

    [Fact]
    public void WidthAndPosition_AreNamed()
    {
        _width = 0;
        Refuses("Chunks", "chunkWidth");
        Refuses("ChunksBackward", "chunkWidth");
        FluentActions.Invoking(() => MonotonicAttention.Next([1, 2], 3)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("position");
        FluentActions.Invoking(() => MonotonicAttention.Next([1, 2], -1)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("position");
    }

    [Fact]
    public void AbsentGradients_AreNotWanted()
    {
        Call("ChunksBackward");
        float[] alignment = [.. Memory("alignmentGradient")];
        float[] energies = [.. Memory("chunkEnergyGradient")];
        _memory.Remove("alignmentGradient");
        _memory.Remove("chunkEnergyGradient");

        MonotonicChunkwiseAttention.Backward(
            Read("alignment"), Read("chunkEnergies"), Read("weightGradient"), _mask, _width, default, Write("chunkEnergyGradient"));
        MonotonicChunkwiseAttention.Backward(
            Read("alignment"), Read("chunkEnergies"), Read("weightGradient"), _mask, _width, Write("alignmentGradient"), default);

        Tolerance.SameBits("alignment", Memory("alignmentGradient"), alignment);
        Tolerance.SameBits("energies", Memory("chunkEnergyGradient"), energies);
    }

    private void Refuses(string call, string parameter)
    {
        FluentActions.Invoking(() => Call(call)).Should().Throw<ArgumentException>().WithParameterName(parameter);
        foreach ((string name, float[] memory) in _memory)
        {
            Tolerance.SameBits(name, memory, Numbers(name));
        }
    }

    private void Call(string call)
    {
        switch (call)
        {
            case "Forward":
                MonotonicAttention.Forward(Read("energies"), _mask, Write("alignment"), _options);
                break;
            case "ForwardHard":
                MonotonicAttention.ForwardHard(Read("energies"), _mask, Write("alignment"), _options);
                break;
            case "Backward":
                MonotonicAttention.Backward(
                    Read("energies"), Read("alignment"), Read("alignmentGradient"), _mask, Write("energyGradient"), _options);
                break;
            case "Chunks":
                MonotonicChunkwiseAttention.Forward(Read("alignment"), Read("chunkEnergies"), _mask, _width, Write("weights"), _options);
                break;
            default:
                MonotonicChunkwiseAttention.Backward(
                    Read("alignment"), Read("chunkEnergies"), Read("weightGradient"), _mask, _width, Write("alignmentGradient"),
                    Write("chunkEnergyGradient"), _options);
                break;
        }
    }

    private ReadOnlyTensorSpan<float> Read(string name) => Layout.Contiguous(Lengths(name)).Read(Memory(name));

    private TensorSpan<float> Write(string name) => Layout.Contiguous(Lengths(name)).Write(Memory(name));

    private nint[] Lengths(string name) => _lengths.TryGetValue(name, out nint[]? lengths) ? lengths : [2, 4, 5, 6];

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory) ? memory : _memory[name] = Numbers(name);

    private static float[] Numbers(string name) => AttentionProblems.Normal(new Random(name.Length + name[0]), 240);
}
