using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>Corners where a zero meets something that is not finite.</summary>
public class ScaledDotProductAttentionEdgeTests
{
    [Fact]
    public void ASinkOfNegativeInfinity_BesideRowsThatSeeNothing_HasNoGradient()
    {
        Tensor<float> query = Filled([1, 1, 5, 8], 0.3f);
        Tensor<float> output = Filled([1, 1, 5, 8], 0);
        Tensor<float> logSumExp = Filled([1, 1, 5], 0);
        Tensor<float> gradient = Filled([1, 1, 5, 8], 1);
        var terms = new ScoreTerms { SinkLogits = [float.NegativeInfinity] };
        var mask = new KeyLengthMask(new[] { 0 });
        float[] sinkGradient = [float.NaN];

        ScaledDotProductAttention.Forward(query, query, query, mask, default(NoModifier), terms, output, logSumExp);
        ScaledDotProductAttention.Backward(
            query, query, query, mask, default(NoModifier), terms, output, logSumExp, gradient, default,
            Filled([1, 1, 5, 8], 0), Filled([1, 1, 5, 8], 0), Filled([1, 1, 5, 8], 0), new ScoreTermGradients { SinkLogits = sinkGradient });

        sinkGradient.Should().Equal(0f);
    }

    [Fact]
    public void KeyHeadsWithoutQueryHeads_AreRefused()
    {
        Action call = () => ScaledDotProductAttention.Forward(
            Filled([1, 0, 5, 8], 0), Filled([1, 4, 6, 8], 0), Filled([1, 4, 6, 8], 0), Filled([1, 0, 5, 8], 0));

        call.Should().Throw<ArgumentException>().WithParameterName("key");
    }

    [Theory]
    [InlineData(100.3f)]
    [InlineData(-1e4f)]
    [InlineData(1e5f)]
    public void MergingEqualParts_ChangesNothing_HoweverLargeTheirLogSumExp(float logSumExp)
    {
        Tensor<float> part = Filled([1, 1, 2, 3], 1);
        Tensor<float> sums = Filled([1, 1, 2], logSumExp);
        Tensor<float> output = Filled([1, 1, 2, 3], 0);
        Tensor<float> sum = Filled([1, 1, 2], 0);

        PartialAttention.Merge(part, sums, part, sums, output, sum);

        output.Should().OnlyContain(x => x == 1);
        sum.Should().OnlyContain(x => Math.Abs(x - (logSumExp + MathF.Log(2))) <= Math.Abs(logSumExp) * 1e-6f);
    }

    [Fact]
    public void InfinityBehindADroppedWeight_ReachesNoGradientOfItsRow()
    {
        const int Rows = 24;
        var options = new AttentionOptions { Dropout = 0.5f, DropoutSeed = 5 };
        Tensor<float> query = Filled([1, 1, Rows, 8], 0.1f);
        Tensor<float> key = Filled([1, 1, 4, 8], 0.2f);
        Tensor<float> value = Filled([1, 1, 4, 8], 0.5f);
        value[0, 0, 0, 0] = float.PositiveInfinity;
        Tensor<float> output = Filled([1, 1, Rows, 8], 0);
        Tensor<float> logSumExp = Filled([1, 1, Rows], 0);
        Tensor<float> queryGradient = Filled([1, 1, Rows, 8], 0);

        ScaledDotProductAttention.Forward(query, key, value, default(NoMask), default(NoModifier), default, output, logSumExp, options);
        ScaledDotProductAttention.Backward(
            query, key, value, output, logSumExp, Filled([1, 1, Rows, 8], 1), queryGradient,
            Filled([1, 1, 4, 8], 0), Filled([1, 1, 4, 8], 0), options);

        int dropped = 0;
        for (int row = 0; row < Rows; row++)
        {
            if (float.IsFinite(output[0, 0, row, 0]))
            {
                dropped++;
                float.IsFinite(queryGradient[0, 0, row, 0]).Should().BeTrue($"row {row} does not see the infinity");
            }
        }

        dropped.Should().BeInRange(1, Rows - 1);
    }

    private static Tensor<float> Filled(nint[] shape, float value)
    {
        Tensor<float> tensor = Tensor.CreateFromShape<float>(shape);
        tensor.Fill(value);
        return tensor;
    }
}
