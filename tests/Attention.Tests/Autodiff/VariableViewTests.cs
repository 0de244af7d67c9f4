using Attention.Autodiff;
using Attention.Backends;
using Attention.TestKit;
using static Attention.Autodiff.Differentiable;

namespace Attention.Tests.Autodiff;

/// <summary>Gradients through views, in every order and overlap: they are gathered in the memory of the whole.</summary>
public class VariableViewTests
{
    [Fact]
    public void WholeViews()
    {
        GradientCheck.Run(static x => Scale(x[0].Reshape(6, -1), 2), static x => x[0].Reshape(6, 4).Scale(2), [2, 3, 4]);
        GradientCheck.Run(static x => Scale(x[0].Transpose(0, -1), 2), static x => x[0].Transpose(0, 2).Scale(2), [2, 3, 4]);
        GradientCheck.Run(
            static x => Scale(x[0].Transpose(1, 2).Reshape(2, 2, 2, 3).Transpose(0, 1), 2),
            static x => x[0].Transpose(1, 2).Reshape(2, 2, 2, 3).Transpose(0, 1).Scale(2), [2, 3, 4]);
    }

    [Fact]
    public void TheOutputItselfIsAView()
    {
        GradientCheck.Run(static x => x[0].Reshape(6, 4), static x => x[0].Reshape(6, 4), [2, 3, 4]);
        GradientCheck.Run(static x => x[0].Slice(1, 1, 2), static x => x[0].Slice(1, 1, 2), [2, 3, 4]);
        GradientCheck.Run(static x => x[0].Slice(0, 1, 2).Reshape(6, -1), static x => x[0].Slice(0, 1, 2).Reshape(6, 4), [4, 3, 4]);
    }

    [Fact]
    public void Split_EveryPartUsed()
    {
        GradientCheck.Run(
            static x => x[0].Split(-1, 2, 1, 3) is [var a, var b, var c] ? Add(Add(Multiply(a, b), SumAxis(c, 1)), b) : null!,
            static x => x[0].Slice(1, 0, 2).Multiply(x[0].Slice(1, 2, 1)).Add(x[0].Slice(1, 3, 3).SumTo(4, 1)).Add(x[0].Slice(1, 2, 1)), [4, 6]);
    }

    [Fact]
    public void Split_PartsThatNobodyUses_HaveAGradientOfZero() => GradientCheck.Run(
        static x => Scale(x[0].Split(1, 2, 1, 3)[1], 3), static x => x[0].Slice(1, 2, 1).Scale(3), [4, 6]);

    [Fact]
    public void Split_PartsWithViewsOfTheirOwn() => GradientCheck.Run(
        static x =>
        {
            Variable[] parts = x[0].Split(1, 2, 2);
            Variable[] halves = parts[0].Reshape(2, 2, 1, 3).Split(0, 1, 1);
            return Add(Multiply(halves[1].Transpose(1, 3).Reshape(3, 2), halves[1].Reshape(3, 2)), parts[1].Reshape(-1, 3, 2).Slice(0, 1, 1));
        },
        static x =>
        {
            PlainTensor half = x[0].Slice(1, 0, 2).Reshape(2, 2, 1, 3).Slice(0, 1, 1);
            return half.Transpose(1, 3).Reshape(3, 2).Multiply(half.Reshape(3, 2)).Add(x[0].Slice(1, 2, 2).Reshape(2, 3, 2).Slice(0, 1, 1));
        },
        [2, 4, 3]);

    [Fact]
    public void Slices_Overlapping() => GradientCheck.Run(
        static x => Multiply(x[0].Slice(1, 0, 4), x[0].Slice(1, 2, 4)), static x => x[0].Slice(1, 0, 4).Multiply(x[0].Slice(1, 2, 4)), [3, 6]);

    [Fact]
    public void Slices_OfSlices() => GradientCheck.Run(
        static x => Add(Multiply(x[0].Slice(1, 1, 4).Slice(1, 1, 2), x[0].Slice(1, 0, 2)), x[0].Slice(1, 1, 4).Slice(0, 1, 1).Slice(1, 0, 2)),
        static x => x[0].Slice(1, 2, 2).Multiply(x[0].Slice(1, 0, 2)).Add(x[0].Slice(0, 1, 1).Slice(1, 1, 2)), [3, 6]);

    [Fact]
    public void Slices_SeenInAnotherShape()
    {
        GradientCheck.Run(static x => Scale(x[0].Slice(0, 1, 2).Reshape(12), 2), static x => x[0].Slice(0, 1, 2).Reshape(12).Scale(2), [3, 6]);
        GradientCheck.Run(
            static x => Scale(x[0].Slice(1, 1, 2).Transpose(0, 1), 2), static x => x[0].Slice(1, 1, 2).Transpose(0, 1).Scale(2), [3, 6]);
        GradientCheck.Run(
            static x => Multiply(x[0], Sum(x[0].Slice(0, 1, 1).Reshape(6))), static x => x[0].Multiply(x[0].Slice(0, 1, 1).SumTo(1)), [3, 6]);
        GradientCheck.Run(
            static x => Multiply(Sum(x[0].Slice(0, 1, 1).Split(1, 2, 4)[1].Transpose(0, 1)), x[0]),
            static x => x[0].Slice(0, 1, 1).Slice(1, 2, 4).SumTo(1).Multiply(x[0]), [3, 6]);
    }

    [Fact]
    public void AWhole_UsedDirectlyAndByParts_InBothOrders()
    {
        GradientCheck.Run(
            static x =>
            {
                Variable[] parts = x[0].Split(0, 1, 2);
                Variable first = Multiply(parts[0], parts[0]);
                return Add(Multiply(x[0], x[0]), first);
            },
            static x => x[0].Multiply(x[0]).Add(x[0].Slice(0, 0, 1).Multiply(x[0].Slice(0, 0, 1))), [3, 4]);
        GradientCheck.Run(
            static x =>
            {
                Variable square = Multiply(x[0], x[0]);
                Variable[] parts = x[0].Split(0, 1, 2);
                return Add(square, Multiply(parts[0], parts[0]));
            },
            static x => x[0].Multiply(x[0]).Add(x[0].Slice(0, 0, 1).Multiply(x[0].Slice(0, 0, 1))), [3, 4]);
    }

    [Fact]
    public void AWhole_SeenInTwoWays_IsAddedUp()
    {
        GradientCheck.Run(
            static x => Multiply(x[0].Reshape(12), x[0].Transpose(0, 1).Transpose(0, 1).Reshape(-1)),
            static x => x[0].Reshape(12).Multiply(x[0].Reshape(12)), [3, 4]);
        GradientCheck.Run(
            static x => Add(x[0].Split(0, 1, 2)[0], x[0].Split(0, 2, 1)[1]),
            static x => x[0].Slice(0, 0, 1).Add(x[0].Slice(0, 2, 1)), [3, 4]);
        GradientCheck.Run(
            static x => Multiply(x[0].Split(0, 1, 2)[1], x[0].Split(0, 2, 1)[0]),
            static x => x[0].Slice(0, 1, 2).Multiply(x[0].Slice(0, 0, 2)), [3, 4]);
    }

    [Fact]
    public void AComputedWhole_UsedByParts() => GradientCheck.Run(
        static x =>
        {
            Variable whole = Scale(x[0], 2);
            Variable[] parts = whole.Split(1, 3, 3);
            return Multiply(Multiply(parts[0], whole.Slice(1, 2, 3)), parts[1].Slice(0, 1, 1));
        },
        static x =>
        {
            PlainTensor whole = x[0].Scale(2);
            return whole.Slice(1, 0, 3).Multiply(whole.Slice(1, 2, 3)).Multiply(whole.Slice(1, 3, 3).Slice(0, 1, 1));
        },
        [3, 6]);

    [Fact]
    public void AParameter_UsedBySlices_OverTwoTapes_AddsUpUntilCleared()
    {
        using var parameter = new Parameter("p", DeviceTensor.Create(CpuBackend.Shared, [1, 2, 3, 4, 5, 6], 3, 2));
        using Variable kept = parameter.Slice(0, 1, 2);
        using Variable turned = kept.Transpose(0, 1);
        for (int round = 0; round < 2; round++)
        {
            parameter.Gradient.Should().BeNull();
            Play(3);
            parameter.Gradient!.ToArray().Should().Equal(0, 0, 3, 4, 3, 4);
            Play(10);
            parameter.Gradient!.ToArray().Should().Equal(0, 0, 13, 15, 13, 15);
            parameter.ClearGradient();
        }

        // The gradient of the slice is the factor everywhere, and one more in the last column.
        void Play(float factor)
        {
            using var tape = new Tape();
            using Variable one = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, [1], 1));
            using Variable first = Multiply(kept, one);
            using Variable scaled = Sum(first, factor);
            using Variable row = turned.Slice(0, 1, 1);
            using Variable second = Multiply(row, one);
            using Variable other = Sum(second);
            using Variable loss = Add(scaled, other);
            tape.Backward(loss);
        }
    }

    [Fact]
    public void AParametersViews_AreAddedUp()
    {
        using var parameter = new Parameter("p", DeviceTensor.Create(CpuBackend.Shared, [1, 2, 3, 4], 2, 2));
        using var tape = new Tape();
        using Variable two = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, [2], 1));
        Variable turned = Multiply(parameter.Transpose(0, 1), two);
        Variable flat = Multiply(parameter.Reshape(4), two);
        Variable part = Multiply(parameter.Split(0, 1, 1)[1], two);

        tape.Backward(Add(Add(Sum(turned), Sum(flat)), Sum(part)));

        parameter.Gradient!.ToArray().Should().Equal(4, 4, 6, 6);
    }

    [Fact]
    public void Split_RefusesWrongLengths_AndStaysWhole()
    {
        using var tape = new Tape();
        using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, [1, 2, 3], 3));
        Action tooMany = () => input.Split(0, 2, 2);
        Action negative = () => input.Split(0, 4, -1);
        Action axis = () => input.Split(1, 3);

        tooMany.Should().Throw<ArgumentException>().WithParameterName("lengths");
        negative.Should().Throw<ArgumentOutOfRangeException>().WithParameterName("lengths");
        axis.Should().Throw<ArgumentOutOfRangeException>().WithParameterName("axis");

        Variable[] parts = input.Split(0, 1, 2);
        tape.Backward(Sum(parts[1]));
        input.Gradient!.ToArray().Should().Equal(0, 1, 1);
    }
}
