using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;
using Attention.Policies;
using Attention.TestKit;
using static Attention.Autodiff.Differentiable;

namespace Attention.Tests.Autodiff;

/// <summary>Each computation's result and gradients against central differences in double.</summary>
public class DifferentiableTests
{
    private const float Epsilon = 1e-5f;

    public static TheoryData<ActivationKind> Activations => [.. Enum.GetValues<ActivationKind>()];

    public static TheoryData<NormalizationKind> Normalizations => [.. Enum.GetValues<NormalizationKind>()];

    [Fact]
    public void Add_WithAndWithoutBroadcasting()
    {
        GradientCheck.Run(static x => Add(x[0], x[1]), static x => x[0].Add(x[1]), [3, 5], [3, 5]);
        GradientCheck.Run(static x => Add(x[0], x[1]), static x => x[0].Add(x[1]), [2, 3, 5], [3, 1]);
        GradientCheck.Run(static x => Add(x[0], x[1]), static x => x[0].Add(x[1]), [5], [2, 1, 1]);
        GradientCheck.Run(static x => Add(x[0], x[0]), static x => x[0].Add(x[0]), [3, 5]);
    }

    [Fact]
    public void Multiply_WithAndWithoutBroadcasting()
    {
        GradientCheck.Run(static x => Multiply(x[0], x[1]), static x => x[0].Multiply(x[1]), [3, 5], [3, 5]);
        GradientCheck.Run(static x => Multiply(x[0], x[1]), static x => x[0].Multiply(x[1]), [2, 3, 5], [3, 1]);
        GradientCheck.Run(static x => Multiply(x[0], x[1]), static x => x[0].Multiply(x[1]), [5], [2, 1, 1]);
        GradientCheck.Run(static x => Multiply(x[0], x[0]), static x => x[0].Multiply(x[0]), [3, 5]);
    }

    [Fact]
    public void Scale_Copy_And_Sums()
    {
        GradientCheck.Run(static x => Scale(x[0], -2.5f), static x => x[0].Scale(-2.5), [3, 5]);
        GradientCheck.Run(static x => Copy(x[0]), static x => x[0], [3, 5]);
        GradientCheck.Run(static x => Sum(x[0], 0.25f), static x => x[0].SumTo(1).Scale(0.25), [3, 5]);
        GradientCheck.Run(static x => SumAxis(x[0], 1, 0.5f), static x => x[0].SumTo(2, 1, 4).Scale(0.5), [2, 3, 4]);
        GradientCheck.Run(static x => SumAxis(x[0], -1), static x => x[0].SumTo(2, 3, 1), [2, 3, 4]);
    }

    [Fact]
    public void Concatenate_AlongAnyAxis()
    {
        GradientCheck.Run(static x => Concatenate(0, x), static x => PlainTensor.Concatenate(0, x), [2, 3], [1, 3], [4, 3]);
        GradientCheck.Run(static x => Concatenate(-1, x), static x => PlainTensor.Concatenate(1, x), [2, 3], [2, 1]);
        GradientCheck.Run(
            static x => Concatenate(1, x[0], x[1], x[0]), static x => PlainTensor.Concatenate(1, x[0], x[1], x[0]), [2, 3, 2], [2, 4, 2]);
    }

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activate_EveryKind(ActivationKind kind)
    {
        GradientCheck.Run(x => Activate(kind, x[0]), x => x[0].Activate(kind), [4, 7]);
        GradientCheck.Run(x => Activate(kind, x[0].Transpose(0, 1)), x => x[0].Transpose(0, 1).Activate(kind), [4, 7]);
    }

    [Theory]
    [MemberData(nameof(Normalizations))]
    public void Normalize_WithEveryParameter(NormalizationKind kind)
    {
        GradientCheck.Run(x => Normalize(kind, x[0], null, null), x => x[0].Normalize(kind, Epsilon), [2, 3, 7]);
        GradientCheck.Run(x => Normalize(kind, x[0], x[1], null), x => x[0].Normalize(kind, Epsilon).Multiply(x[1]), [3, 7], [7]);
        GradientCheck.Run(
            x => Normalize(kind, x[0], x[1], x[2]), x => x[0].Normalize(kind, Epsilon).Multiply(x[1]).Add(x[2]), [3, 7], [7], [7]);
    }

    [Fact]
    public void Normalize_WhereOneParameterIsUsedElsewhereToo()
    {
        static PlainTensor Plain(PlainTensor[] x) => x[0].Normalize(NormalizationKind.Layer, Epsilon).Multiply(x[1]).Add(x[2]);

        GradientCheck.Run(
            static x => Add(Normalize(NormalizationKind.Layer, x[0], x[1], x[2]), x[1]), static x => Plain(x).Add(x[1]), [3, 7], [7], [7]);
        GradientCheck.Run(
            static x => Add(Normalize(NormalizationKind.Layer, x[0], x[1], x[2]), x[2]), static x => Plain(x).Add(x[2]), [3, 7], [7], [7]);
        GradientCheck.Run(
            static x => Add(Normalize(NormalizationKind.Layer, x[0], x[1], x[2]), x[0]), static x => Plain(x).Add(x[0]), [3, 7], [7], [7]);
    }

    [Fact]
    public void Linear_OverTheLastAxis()
    {
        GradientCheck.Run(static x => Linear(x[0], x[1]), static x => x[0].MatrixMultiply(x[1].Transpose(0, 1)), [4, 3], [5, 3]);
        GradientCheck.Run(
            static x => Linear(x[0], x[1], x[2]), static x => x[0].MatrixMultiply(x[1].Transpose(0, 1)).Add(x[2]), [2, 4, 3], [5, 3], [5]);
        GradientCheck.Run(
            static x => Linear(x[0].Transpose(0, 1), x[1]),
            static x => x[0].Transpose(0, 1).MatrixMultiply(x[1].Transpose(0, 1)), [2, 4, 3], [5, 3]);
        GradientCheck.Run(
            static x => Linear(Linear(x[0], x[1]), x[1]),
            static x => x[0].MatrixMultiply(x[1].Transpose(0, 1)).MatrixMultiply(x[1].Transpose(0, 1)), [2, 3], [3, 3]);
    }

    [Fact]
    public void MatrixMultiply_OfMatricesAndBatches()
    {
        GradientCheck.Run(static x => MatrixMultiply(x[0], x[1]), static x => x[0].MatrixMultiply(x[1]), [4, 3], [3, 5]);
        GradientCheck.Run(static x => MatrixMultiply(x[0], x[1]), static x => x[0].MatrixMultiply(x[1]), [2, 4, 3], [2, 3, 5]);
        GradientCheck.Run(static x => MatrixMultiply(x[0], x[1]), static x => x[0].MatrixMultiply(x[1]), [2, 6, 4, 3], [3, 5]);
        GradientCheck.Run(
            static x => MatrixMultiply(x[0].Transpose(1, 2), x[1]), static x => x[0].Transpose(1, 2).MatrixMultiply(x[1]), [2, 3, 4], [2, 3, 5]);
        GradientCheck.Run(static x => MatrixMultiply(x[0], x[0]), static x => x[0].MatrixMultiply(x[0]), [4, 4]);
    }

    [Fact]
    public void Embed_AddsUpRowsThatAreTakenTwice()
    {
        int[] indices = [4, 0, 2, 2, 2, 3];
        GradientCheck.Run(x => Embed(x[0], indices, [2, 3]), x => x[0].Gather(indices).Reshape(2, 3, 7), [5, 7]);
        GradientCheck.Run(x => Embed(x[0], indices, [6], x[0].Tape), x => x[0].Gather(indices), [5, 7]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1f)]
    public void CrossEntropy_IsTheMeanOfRowsThatCount(float smoothing)
    {
        int[] targets = [0, 4, -1, 3];
        GradientCheck.Run(
            x => CrossEntropy(x[0], targets, smoothing), x => x[0].CrossEntropy(targets, smoothing).SumTo(1).Scale(1.0 / 3), [4, 5]);
        GradientCheck.Run(
            x => CrossEntropy(x[0].Transpose(0, 1), targets, smoothing),
            x => x[0].Transpose(0, 1).Reshape(4, 5).CrossEntropy(targets, smoothing).SumTo(1).Scale(1.0 / 3), [2, 2, 5]);
    }

    [Fact]
    public void Drop_IsItsOwnGradient()
    {
        using var tape = new Tape(7);
        using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(1), 60), 4, 15));
        using Variable dropped = Drop(input, 0.5f);
        using Variable sum = Sum(dropped);
        float[] ratios = [.. dropped.Data.ToArray().Zip(input.Data.ToArray(), static (x, y) => Math.Abs(x / y))];

        tape.Backward(sum);

        ratios.Should().Contain(0).And.Contain(2).And.OnlyContain(static x => x == 0 || x == 2);
        Tolerance.SameBits("gradient", GradientCheck.Gradient(input), ratios);
    }

    [Fact]
    public void Drop_DrawsAnewEachTime_AndTheSameForASeed()
    {
        (float[] first, float[] second) = Draw(7);
        (float[] again, _) = Draw(7);
        (float[] other, _) = Draw(8);

        second.Should().NotEqual(first);
        again.Should().Equal(first);
        other.Should().NotEqual(first);

        static (float[] First, float[] Second) Draw(ulong seed)
        {
            using var tape = new Tape(seed);
            using Variable ones = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, [.. Enumerable.Repeat(1f, 100)], 100));
            using Variable first = Drop(ones, 0.5f);
            using Variable second = Drop(ones, 0.5f);
            return (first.Data.ToArray(), second.Data.ToArray());
        }
    }

    [Fact]
    public void Drop_OutsideOfTraining_IsTheInput()
    {
        GradientCheck.Run(static x => Drop(x[0], 0), static x => x[0], [3, 4]);
        using var tape = new Tape(isTraining: false);
        using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, [1, 2, 3], 3));
        using Variable output = Drop(input, 0.9f);
        using Variable sum = Sum(output);

        output.Data.Buffer.Should().BeSameAs(input.Data.Buffer);
        tape.Backward(sum);
        GradientCheck.Gradient(input).Should().Equal(1, 1, 1);
    }

    [Fact]
    public void Attention_OfThreeInputs() => GradientCheck.Run(
        static x => Differentiable.Attention(x[0], x[1], x[2], default(NoMask), default(NoModifier)),
        static x => Plain(x[0], x[1], x[2], null), [1, 4, 3, 5], [1, 2, 6, 5], [1, 2, 6, 4]);

    [Fact]
    public void Attention_WithBiasAndSinks() => GradientCheck.Run(
        static x => Differentiable.Attention(x[0], x[1], x[2], CausalMask.TopLeft, default(NoModifier), x[3], x[4]),
        static x => Plain(x[0], x[1], x[2], static (_, _, query, key) => key <= query, x[3], x[4]),
        [2, 2, 4, 3], [2, 2, 4, 3], [2, 2, 4, 3], [2, 4, 4], [2]);

    [Fact]
    public void Attention_OfOneVariableToItself_AndItsParts()
    {
        GradientCheck.Run(
            static x => Differentiable.Attention(x[0], x[0], x[0], default(NoMask), default(NoModifier)),
            static x => Plain(x[0], x[0], x[0], null), [1, 2, 5, 3]);
        GradientCheck.Run(
            static x =>
            {
                Variable[] parts = x[0].Split(1, 2, 2, 2);
                return Differentiable.Attention(parts[0], parts[1], parts[2], default(NoMask), default(NoModifier));
            },
            static x => Plain(x[0].Slice(1, 0, 2), x[0].Slice(1, 2, 2), x[0].Slice(1, 4, 2), null), [1, 6, 5, 3]);
        GradientCheck.Run(
            static x => Differentiable.Attention(x[0].Slice(1, 0, 2), x[0].Slice(1, 1, 2), x[0].Slice(1, 1, 2), default(NoMask), default(NoModifier)),
            static x => Plain(x[0].Slice(1, 0, 2), x[0].Slice(1, 1, 2), x[0].Slice(1, 1, 2), null), [1, 3, 5, 4]);
    }

    /// <summary>Attention in double over whatever shapes are given.</summary>
    private static PlainTensor Plain(
        PlainTensor query, PlainTensor key, PlainTensor value, ReferenceMask? mask, PlainTensor? bias = null, PlainTensor? sinks = null)
    {
        AttentionShape shape = new(
            (int)query.Lengths[0], (int)query.Lengths[1], (int)key.Lengths[1], (int)query.Lengths[2], (int)key.Lengths[2],
            (int)query.Lengths[3], (int)value.Lengths[3]);
        var problem = new AttentionProblem<double>(shape)
        {
            Query = query.Values,
            Key = key.Values,
            Value = value.Values,
            Mask = mask,
            Bias = bias?.Values,
            BiasShape = bias is null ? [1, 1, 1, 1] : [1, .. bias.Lengths.Select(static length => (int)length)],
            SinkLogits = sinks?.Values,
        };
        return query.With(ReferenceAttention.Forward(problem).Output, shape.OutputLengths);
    }
}
