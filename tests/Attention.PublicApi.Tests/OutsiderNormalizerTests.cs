using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.PublicApi.Tests;

/// <summary>A normaliser written with nothing but the public interface.</summary>
public sealed class OutsiderNormalizerTests
{
    [Fact]
    public void Their_normaliser_runs_forward_and_backward()
    {
        // One query against three keys of size 1, of which the mask hides the last: scores 1 and -1, weights 1/2 and 0.
        ReadOnlyTensorSpan<float> query = new([1f], [1, 1, 1, 1]);
        ReadOnlyTensorSpan<float> key = new([1f, -1f, float.NaN], [1, 1, 3, 1]);
        ReadOnlyTensorSpan<float> value = new([6f, 5f, float.NaN], [1, 1, 3, 1]);
        ReadOnlyTensorSpan<float> outputGradient = new([2f], [1, 1, 1, 1]);
        float[] output = new float[1];
        float[] queryGradient = new float[1];
        float[] keyGradient = new float[3];
        float[] valueGradient = new float[3];
        ShiftedReluNormalizer normalizer = default;
        KeyLengthMask mask = new(2);

        NormalizedAttention.Forward(query, key, value, mask, default(NoModifier), normalizer, new TensorSpan<float>(output, [1, 1, 1, 1]));
        NormalizedAttention.Backward(
            query, key, value, mask, default(NoModifier), normalizer, outputGradient, new TensorSpan<float>(queryGradient, [1, 1, 1, 1]),
            new TensorSpan<float>(keyGradient, [1, 1, 3, 1]), new TensorSpan<float>(valueGradient, [1, 1, 3, 1]));

        output.Should().Equal(3);
        queryGradient.Should().Equal(6);
        keyGradient.Should().Equal(6, 0, 0);
        valueGradient.Should().Equal(1, 0, 0);
    }
}
