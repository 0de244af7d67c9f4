using System.Numerics.Tensors;
using Attention.Operators;
using Attention.TestKit;

namespace Attention.Tests.Operators;

/// <summary>Clearing what lies behind the ends of sequences.</summary>
public class SequencePaddingTests
{
    [Fact]
    public void Padding_BecomesZero_WhateverItHolds()
    {
        float[] input = [1, 2, 3, 4, float.NaN, float.NaN, 5, 6, float.NaN, float.PositiveInfinity, float.NaN, 0];
        float[] output = new float[12];

        SequencePadding.Clear(new ReadOnlyTensorSpan<float>(input, [2, 3, 2]), [2, 1], new TensorSpan<float>(output, [2, 3, 2]));

        Tolerance.SameBits("output", output, [1, 2, 3, 4, 0, 0, 5, 6, 0, 0, 0, 0]);
    }

    [Theory]
    [InlineData(new[] { 2 }, "lengths")]
    [InlineData(new[] { 2, 4 }, "lengths")]
    [InlineData(new[] { -1, 2 }, "lengths")]
    public void Lengths_AreChecked(int[] lengths, string parameter)
    {
        float[] output = new float[12];

        FluentActions.Invoking(() => SequencePadding.Clear(
            new ReadOnlyTensorSpan<float>(new float[12], [2, 3, 2]), lengths, new TensorSpan<float>(output, [2, 3, 2])))
            .Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    [Fact]
    public void Tensors_AreChecked()
    {
        float[] memory = new float[12];

        Refused(() => SequencePadding.Clear(new ReadOnlyTensorSpan<float>(memory, [6, 2]), [], new TensorSpan<float>(new float[12], [6, 2])), "input");
        Refused(() => SequencePadding.Clear(new ReadOnlyTensorSpan<float>(memory, [2, 3, 2]), [3, 3], new TensorSpan<float>(new float[12], [3, 2, 2])), "output");
        Refused(() => SequencePadding.Clear(new ReadOnlyTensorSpan<float>(memory, [2, 3, 2]), [3, 3], new TensorSpan<float>(memory, [2, 3, 2])), "output");

        static void Refused(Action call, string parameter) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }
}
