using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Layers drop numbers under a tape that trains and at no other time, and the seed of the tape decides which.</summary>
public class DropoutTests
{
    private const int ModelSize = 8;

    [Fact]
    public void WithoutATrainingTape_NumbersPassUnchanged()
    {
        using var layer = new Dropout(0.5f);
        using Variable input = LayerNumbers.Input(1, 3, 7);
        using var tape = new Tape(isTraining: false);
        using Variable constant = tape.Constant(input.Data.Share());

        Tolerance.SameBits("no tape", LayerNumbers.Take(layer.Forward(input)), input.Data.ToArray());
        Tolerance.SameBits("evaluating tape", LayerNumbers.Take(layer.Forward(constant)), input.Data.ToArray());
    }

    [Fact]
    public void WhileTraining_NumbersAreDroppedOrScaled()
    {
        using var layer = new Dropout(0.25f);
        using Variable input = LayerNumbers.Input(1, 40, 25);
        float[] numbers = input.Data.ToArray();

        float[] output = Train(layer.Forward, input, seed: 5);

        output.Count(number => number == 0).Should().BeInRange(190, 310, "a quarter of 1000 is dropped, with a deviation of 14");
        output.Zip(numbers).Where(pair => pair.First != 0).Should().OnlyContain(pair => pair.First == pair.Second * (1 / 0.75f));
    }

    [Fact]
    public void EveryNumberCanBeDropped()
    {
        using var layer = new Dropout(1);
        using Variable input = LayerNumbers.Input(1, 4, 5);

        Train(layer.Forward, input, seed: 5).Should().OnlyContain(number => number == 0);
    }

    [Fact]
    public void GradientIsDroppedLikeTheNumber()
    {
        using var layer = new Dropout(0.5f);
        using var tape = new Tape(seed: 3);
        using Variable input = tape.Watch(LayerNumbers.Tensor(1, 9, 11));
        using Variable output = layer.Forward(input);
        using DeviceTensor ones = DeviceTensor.Allocate(CpuBackend.Shared, 9, 11);
        CpuBackend.Shared.Fill(ones, 1);
        float[] expected = [.. output.Data.ToArray().Select(number => number == 0 ? 0f : 2f)];

        tape.Backward(output, ones);

        input.Gradient!.ToArray().Should().Equal(expected).And.Contain(0).And.Contain(2);
    }

    [Fact]
    public void TheSeedDecidesEverywhere()
    {
        using TransformerEncoder encoder = Encoder(dropout: 0.3f);
        using Variable input = LayerNumbers.Input(1, 2, 5, ModelSize);
        Variable Forward(Variable x) => encoder.Forward(x, CausalMask.TopLeft);

        float[] once = Train(Forward, input, seed: 5);
        float[] again = Train(Forward, input, seed: 5);
        float[] other = Train(Forward, input, seed: 6);

        Tolerance.SameBits("same seed", again, once);
        other.Should().NotEqual(once);
    }

    [Fact]
    public void WithoutATrainingTape_ATransformerIsOneWithoutDropout()
    {
        using TransformerEncoder encoder = Encoder(dropout: 0.3f);
        using TransformerEncoder plain = Encoder(dropout: 0);
        using Variable input = LayerNumbers.Input(1, 2, 5, ModelSize);
        using var tape = new Tape(isTraining: false);
        using Variable constant = tape.Constant(input.Data.Share());
        float[] expected = LayerNumbers.Take(plain.Forward(input, CausalMask.TopLeft));

        Tolerance.SameBits("no tape", LayerNumbers.Take(encoder.Forward(input, CausalMask.TopLeft)), expected);
        Tolerance.SameBits("evaluating tape", LayerNumbers.Take(encoder.Forward(constant, CausalMask.TopLeft)), expected);
    }

    private static float[] Train(Func<Variable, Variable> forward, Variable input, ulong seed)
    {
        using var tape = new Tape(seed);
        using Variable watched = tape.Watch(input.Data.Share());
        return LayerNumbers.Take(forward(watched));
    }

    private static TransformerEncoder Encoder(float dropout) => new(2, new TransformerOptions
    {
        Attention = new MultiHeadAttentionOptions { ModelSize = ModelSize, Heads = 2, Dropout = dropout },
        FeedForwardSize = 12,
        Dropout = dropout,
    });
}
