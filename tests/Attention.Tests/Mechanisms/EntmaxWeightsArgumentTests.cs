using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to entmax with a learned alpha: the parameter is named, and nothing is written.</summary>
public class EntmaxWeightsArgumentTests
{
    private static readonly nint[] s_pairs = [1, 2, 3, 4];
    private readonly Dictionary<string, (float[] Memory, nint[] Lengths)> _tensors = new()
    {
        ["scores"] = (AttentionProblems.Normal(new Random(1), 24), s_pairs),
        ["alpha"] = ([1.2f, 1.7f], [2]),
        ["weights"] = (new float[24], s_pairs),
        ["weightGradient"] = (AttentionProblems.Normal(new Random(2), 24), s_pairs),
        ["scoreGradient"] = (new float[24], s_pairs),
        ["alphaGradient"] = (new float[2], [2]),
    };

    private KeyLengthMask _mask = new(4);
    private AttentionOptions _options;

    public static TheoryData<bool> Passes => [false, true];

    [Theory]
    [InlineData(false, "scores", 2, 3, 4)]
    [InlineData(false, "weights", 1, 2, 4, 3)]
    [InlineData(true, "weights", 6, 4)]
    [InlineData(true, "weightGradient", 1, 2, 3, 3)]
    [InlineData(true, "scoreGradient", 1, 3, 2, 4)]
    [InlineData(true, "alphaGradient", 1)]
    [InlineData(false, "alpha", 3)]
    [InlineData(false, "alpha", 1, 2)]
    [InlineData(true, "alpha", 0)]
    public void AWrongShape_IsNamed(bool isBackward, string name, params int[] lengths)
    {
        float[] numbers = new float[24];
        Array.Fill(numbers, 1.5f);
        _tensors[name] = (numbers, Array.ConvertAll(lengths, length => (nint)length));
        Refuses(isBackward, name);
    }

    [Theory]
    [InlineData(false, 0.99f)]
    [InlineData(true, 0.99f)]
    [InlineData(false, 2.01f)]
    [InlineData(true, 2.01f)]
    [InlineData(false, float.NaN)]
    [InlineData(true, float.NaN)]
    public void AnAlphaOutside_IsNamed(bool isBackward, float alpha)
    {
        _tensors["alpha"] = ([1.5f, alpha], [2]);
        Refuses(isBackward, "alpha");
    }

    [Theory]
    [MemberData(nameof(Passes))]
    public void MasksAndOptionsThatDoNotFit_AreNamed(bool isBackward)
    {
        _mask = new(5);
        Refuses(isBackward, "mask");
        _mask = new(4);
        _options = new() { Scale = 2 };
        Refuses(isBackward, "options");
        _options = new() { Dropout = 0.5f };
        Refuses(isBackward, "options");
        _options = new() { MaxDegreeOfParallelism = -1 };
        Refuses(isBackward, "options");
        _options = default;
        FluentActions.Invoking(() => Call(isBackward)).Should().NotThrow();
    }

    [Theory]
    [InlineData(false, "weights", "scores")]
    [InlineData(false, "weights", "alpha")]
    [InlineData(true, "scoreGradient", "weights")]
    [InlineData(true, "scoreGradient", "weightGradient")]
    [InlineData(true, "scoreGradient", "alpha")]
    [InlineData(true, "alphaGradient", "weights")]
    [InlineData(true, "alphaGradient", "weightGradient")]
    [InlineData(true, "alphaGradient", "alpha")]
    [InlineData(true, "alphaGradient", "scoreGradient")]
    public void AnOverlap_IsNamed(bool isBackward, string written, string other)
    {
        float[] shared = new float[24];
        Array.Fill(shared, 1.5f);
        _tensors[written] = (shared, _tensors[written].Lengths);
        _tensors[other] = (shared, _tensors[other].Lengths);
        Refuses(isBackward, written);
    }

    private void Refuses(bool isBackward, string parameter)
    {
        Dictionary<string, float[]> before = _tensors.ToDictionary(entry => entry.Key, entry => (float[])entry.Value.Memory.Clone());
        FluentActions.Invoking(() => Call(isBackward)).Should().Throw<ArgumentException>().WithParameterName(parameter);
        foreach ((string name, float[] numbers) in before)
        {
            Tolerance.SameBits(name, _tensors[name].Memory, numbers);
        }
    }

    private void Call(bool isBackward)
    {
        if (isBackward)
        {
            EntmaxWeights.Backward(
                Read("weights"), Read("weightGradient"), Read("alpha"), _mask, Write("scoreGradient"), Write("alphaGradient"), _options);
        }
        else
        {
            EntmaxWeights.Forward(Read("scores"), Read("alpha"), _mask, Write("weights"), _options);
        }
    }

    private System.Numerics.Tensors.ReadOnlyTensorSpan<float> Read(string name) =>
        Layout.Contiguous(_tensors[name].Lengths).Read<float>(_tensors[name].Memory);

    private System.Numerics.Tensors.TensorSpan<float> Write(string name) =>
        Layout.Contiguous(_tensors[name].Lengths).Write(_tensors[name].Memory);
}
