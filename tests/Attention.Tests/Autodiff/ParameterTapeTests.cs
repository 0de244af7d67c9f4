using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.Positions;
using Attention.TestKit;

namespace Attention.Tests.Autodiff;

/// <summary>What is computed from parameters alone, and what meets a tape too late.</summary>
public sealed class ParameterTapeTests
{
    [Fact]
    public void APenaltyOnWeights_ReachesThem()
    {
        using Linear layer = new(3, 2, hasBias: false, seed: 1);
        using Tape tape = new();
        using Variable weight = tape.Use(layer.Weight);
        using Variable squares = Differentiable.Multiply(weight, weight);
        using Variable penalty = Differentiable.Sum(squares);

        tape.Backward(penalty);

        Tolerance.SameBits("gradient", layer.Weight.Gradient!.ToArray(), Array.ConvertAll(layer.Weight.Data.ToArray(), static x => 2 * x));
    }

    [Fact]
    public void WhatLostItsGradient_DoesNotMeetATape()
    {
        using Linear layer = new(3, 2, seed: 1);
        using Tape tape = new();
        using Variable input = tape.Watch(DeviceTensor.Zeros(CpuBackend.Shared, 2, 3));
        using Variable untracked = Differentiable.Multiply(layer.Weight, layer.Weight);
        using Variable view = untracked.Reshape(2, 3);
        using Variable further = Differentiable.Scale(view, 2);
        using Variable detached = further.Detach();

        foreach (Variable lost in new[] { untracked, view, further })
        {
            FluentActions.Invoking(() => Differentiable.Add(input, lost)).Should().Throw<InvalidOperationException>();
        }

        using Variable sum = Differentiable.Add(input, detached);
        sum.RequiresGradient.Should().BeTrue();
        tape.Count.Should().Be(1);
    }

    [Fact]
    public void ABiasLookedUpWithoutTheTape_IsRefused()
    {
        using RelativeBias bias = new(new RelativeBuckets(), 2);
        using MultiHeadAttention layer = new(4, 2);
        using Tape tape = new();
        using Variable input = tape.Watch(DeviceTensor.Zeros(CpuBackend.Shared, 1, 3, 4));
        using Variable forgotten = bias.Forward(3, 3);

        FluentActions.Invoking(() => layer.Forward(input, input, input, default(NoMask), default(NoModifier), forgotten))
            .Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void ViewsOfAPlayedTape_AreRefused()
    {
        using Tape tape = new();
        using Variable input = tape.Watch(DeviceTensor.Zeros(CpuBackend.Shared, 2, 3));
        using Variable sum = Differentiable.Sum(input);
        tape.Backward(sum);

        FluentActions.Invoking(() => input.Reshape(3, 2)).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => input.Split(0, 1, 1)).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void ACheckpointOfConstants_HasNoGradient()
    {
        using Tape tape = new();
        using Variable input = tape.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 2, 3));
        using Variable result = Differentiable.Checkpoint(static x => Differentiable.Scale(x, 2), input);

        result.RequiresGradient.Should().BeFalse();
        tape.Count.Should().Be(0);
    }
}
