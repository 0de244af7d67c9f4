using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.TestKit;
using Attention.Tests.Mechanisms;

namespace Attention.Tests.Autodiff;

/// <summary>Recurrences on the tape: results and the gradient of every input against central differences in double.</summary>
public class RecurrenceTapeTests
{
    private static readonly int[] s_lengths = [4, 1, 3];

    public static TheoryData<RecurrentCell> Cells => [.. RecurrenceProblems.Cells];

    [Theory]
    [MemberData(nameof(Cells))]
    public void EveryInput_HasItsGradient(RecurrentCell cell)
    {
        int gates = GatedRecurrence.Gates(cell);
        bool hasCell = cell == RecurrentCell.Lstm;
        GradientCheck.Run(
            x =>
            {
                using RecurrenceResult result = Differentiable.Recurrence(
                    x[0], x[1], x[2], x[3], hasCell ? x[4] : null, s_lengths, new RecurrenceOptions { Cell = cell, IsReversed = true });
                using Variable state = result.FinalState.Reshape(3, 1, 2);
                using Variable memory = (result.FinalCell ?? result.FinalState).Reshape(3, 1, 2);
                return Differentiable.Concatenate(1, result.Output, state, memory);
            },
            Formula, [3, 4, 2 * gates], [2 * gates, 2], [2 * gates], [3, 2], [3, 2]);

        PlainTensor Formula(PlainTensor[] x)
        {
            RecurrenceLoops<double> loops = RecurrenceLoops<double>.Run(new RecurrenceProblem<double>(cell, 3, 4, 2)
            {
                InputGates = x[0].Values,
                Weight = x[1].Values,
                Bias = x[2].Values,
                InitialState = x[3].Values,
                InitialCell = hasCell ? x[4].Values : null,
                Lengths = s_lengths,
                IsReversed = true,
            });
            PlainTensor state = x[0].With(loops.FinalState, 3, 1, 2);
            PlainTensor memory = hasCell ? x[0].With(loops.FinalCell, 3, 1, 2) : state;
            return PlainTensor.Concatenate(1, x[0].With(loops.Output, 3, 4, 2), state, memory);
        }
    }

    [Fact]
    public void ClearedPadding_HasNoGradient()
    {
        GradientCheck.Run(
            static x => Differentiable.ClearPadding(x[0], s_lengths),
            static x => x[0].With([.. x[0].Values.Select((number, i) => i / 2 % 4 < s_lengths[i / 8] ? number : 0)], 3, 4, 2),
            [3, 4, 2]);
    }

    /// <summary>What nobody asks for is not computed, and the rest is the same.</summary>
    [Fact]
    public void AParameterAlone_HasItsGradient()
    {
        float[] all = Gradient(static (tape, tensor) => tape.Watch(tensor));
        float[] alone = Gradient(static (_, tensor) => Variable.Constant(tensor));

        Tolerance.SameBits("weight's gradient", alone, all);

        static float[] Gradient(Func<Tape, DeviceTensor, Variable> input)
        {
            RecurrenceProblem<float> problem = RecurrenceProblems.Random(RecurrentCell.GruResetBefore, 2, 3, 5);
            using var tape = new Tape();
            using Variable gates = input(tape, DeviceTensor.Create(CpuBackend.Shared, problem.InputGates, 2, 3, 15));
            using Variable state = input(tape, DeviceTensor.Create(CpuBackend.Shared, problem.InitialState, 2, 5));
            using Variable weight = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, problem.Weight, 15, 5));
            using RecurrenceResult result = Differentiable.Recurrence(
                gates, weight, initialState: state, options: new RecurrenceOptions { Cell = RecurrentCell.GruResetBefore });
            using DeviceTensor gradient = DeviceTensor.Create(CpuBackend.Shared, problem.OutputGradient, 2, 3, 5);
            tape.Backward(result.Output, gradient);
            return weight.Gradient!.ToArray();
        }
    }

    [Fact]
    public void WithoutATape_NothingIsRecorded()
    {
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(RecurrentCell.Lstm, 2, 3, 5);
        using Variable gates = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, problem.InputGates, 2, 3, 20));
        using Variable weight = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, problem.Weight, 20, 5));
        using RecurrenceResult result = Differentiable.Recurrence(gates, weight, options: new RecurrenceOptions { Cell = RecurrentCell.Lstm });

        result.Output.RequiresGradient.Should().BeFalse();
        result.FinalCell!.Data.Lengths.ToArray().Should().Equal(2, 5);
    }

    /// <summary>States of a layer that ran without the tape have lost their gradient: they must not meet a tape in silence.</summary>
    [Fact]
    public void WhatLostItsGradient_DoesNotMeetATape()
    {
        using BidirectionalLayer layer = BidirectionalLayer.Lstm(3, 2);
        using var tape = new Tape();
        using Variable input = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 2, 4, 3));
        using Variable sequences = tape.Watch(DeviceTensor.Zeros(CpuBackend.Shared, 2, 4, 4));
        using Variable states = tape.Watch(DeviceTensor.Zeros(CpuBackend.Shared, 2, 4));
        using RecurrenceResult lost = layer.Forward(input, [4, 2]);
        using Variable cleared = Differentiable.ClearPadding(lost.Output, [4, 2]);

        FluentActions.Invoking(() => Differentiable.Add(sequences, lost.Output)).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => Differentiable.Add(sequences, cleared)).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => Differentiable.Add(states, lost.FinalState)).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => Differentiable.Add(states, lost.FinalCell!)).Should().Throw<InvalidOperationException>();

        using Variable detached = lost.FinalState.Detach();
        using Variable sum = Differentiable.Add(states, detached);
        sum.RequiresGradient.Should().BeTrue();
    }

    [Fact]
    public void WrongRanks_AreRefused()
    {
        using Variable matrix = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 12, 4));
        using Variable gates = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 2, 3, 12));

        FluentActions.Invoking(() => Differentiable.Recurrence(matrix, matrix)).Should().Throw<ArgumentException>().WithParameterName("inputGates");
        FluentActions.Invoking(() => Differentiable.Recurrence(gates, gates)).Should().Throw<ArgumentException>().WithParameterName("recurrentWeight");
    }
}
