using Attention.Autodiff;
using Attention.Backends;
using Attention.TestKit;
using static Attention.Autodiff.Differentiable;

namespace Attention.Tests.Autodiff;

/// <summary>What a tape records, keeps, gives back and refuses.</summary>
public class TapeTests
{
    private static readonly CpuBackend s_backend = CpuBackend.Shared;

    [Fact]
    public void WithoutATape_NothingIsRecorded()
    {
        using var parameter = new Parameter("p", Ones(3));
        using Variable input = Variable.Constant(Ones(3));
        using Variable output = Multiply(input, parameter);

        output.Tape.Should().BeNull();
        output.RequiresGradient.Should().BeFalse();
        output.Gradient.Should().BeNull();
    }

    [Fact]
    public void WithoutAnythingThatHasAGradient_NothingIsRecorded()
    {
        using var tape = new Tape();
        using Variable input = tape.Constant(Ones(3));
        using Variable output = Scale(Add(input, input), 2);

        tape.Count.Should().Be(0);
        output.Tape.Should().BeSameAs(tape);
        output.RequiresGradient.Should().BeFalse();
    }

    [Fact]
    public void EveryComputation_IsRecordedOnce()
    {
        using var tape = new Tape();
        using Variable input = tape.Watch(Ones(3));
        using Variable sum = Add(input, input);
        using Variable view = sum.Reshape(3, 1);

        tape.Count.Should().Be(1);
    }

    [Fact]
    public void Detach_CutsTheGradient()
    {
        using var tape = new Tape();
        using Variable input = tape.Watch(DeviceTensor.Create(s_backend, [1, 2, 3], 3));
        using Variable detached = input.Detach();
        using Variable product = Multiply(input, detached);
        using Variable loss = Sum(product);
        tape.Backward(loss);

        detached.Tape.Should().BeNull();
        detached.RequiresGradient.Should().BeFalse();
        detached.Data.Buffer.Should().BeSameAs(input.Data.Buffer);
        input.Gradient!.ToArray().Should().Equal(1, 2, 3);
    }

    [Fact]
    public void Gradients_OfWatchedInputs_StayUntilTheTapeGoes()
    {
        var tape = new Tape();
        using Variable input = tape.Watch(Ones(3));
        using Variable unused = tape.Watch(Ones(3));
        using Variable middle = Scale(input, 2);
        using Variable loss = Sum(middle);
        tape.Backward(loss);

        tape.Count.Should().Be(0);
        input.Gradient!.ToArray().Should().Equal(2, 2, 2);
        middle.Gradient.Should().BeNull();
        unused.Gradient.Should().BeNull();
        tape.Dispose();
        input.Gradient.Should().BeNull();
    }

    [Fact]
    public void Parameters_GatherOverTapes()
    {
        using var parameter = new Parameter("p", Ones(3));
        for (int round = 1; round <= 3; round++)
        {
            using var tape = new Tape();
            using Variable two = tape.Constant(DeviceTensor.Create(s_backend, [2], 1));
            using Variable product = Multiply(parameter, two);
            using Variable loss = Sum(product);
            tape.Backward(loss);
            parameter.Gradient!.ToArray().Should().Equal(2 * round, 2 * round, 2 * round);
        }

        parameter.ClearGradient();
        parameter.Gradient.Should().BeNull();
    }

    [Fact]
    public void VariablesMayBeDisposed_BeforeTheWayBack()
    {
        using var tape = new Tape();
        using Variable input = tape.Watch(DeviceTensor.Create(s_backend, [1, 2, 3], 3));
        Variable square = Multiply(input, input);
        Variable cube = Multiply(square, input);
        square.Dispose();
        using Variable loss = Sum(cube);
        cube.Dispose();
        tape.Backward(loss);

        input.Gradient!.ToArray().Should().Equal(3, 12, 27);
    }

    [Fact]
    public void APlayedTape_RefusesEverything()
    {
        using var table = new Parameter("table", Ones(2, 3));
        using var tape = new Tape();
        using Variable input = tape.Watch(Ones(1));
        using Variable loss = Scale(input, 2);
        tape.Backward(loss);
        Action[] uses =
        [
            () => tape.Backward(loss),
            () => tape.Backward(loss, input.Data),
            () => Scale(input, 2),
            () => Add(loss, input),
            () => Embed(table, [0], [1], tape),
            () => tape.Watch(input.Data),
            () => tape.Constant(input.Data),
            () => Differentiable.Checkpoint(static x => x, input),
        ];

        uses.Should().AllSatisfy(static use => use.Should().Throw<InvalidOperationException>().WithMessage("*gradients of gradients*"));
        tape.Count.Should().Be(0);
        input.Gradient!.ToArray().Should().Equal(2);
    }

    [Fact]
    public void ADisposedTape_RefusesEverything()
    {
        var tape = new Tape();
        using Variable input = tape.Watch(Ones(1));
        tape.Dispose();
        Action use = () => Scale(input, 2);

        use.Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void AnotherThread_IsRefused()
    {
        using var tape = new Tape();
        using Variable input = tape.Watch(Ones(1));
        using Variable loss = Scale(input, 2);
        foreach (Action use in new Action[] { () => Scale(input, 2), () => tape.Backward(loss), () => tape.Watch(input.Data) })
        {
            Exception? seen = null;
            var thread = new Thread(() => seen = Record.Exception(use));
            thread.Start();
            thread.Join();
            seen.Should().BeOfType<InvalidOperationException>().Which.Message.Should().Contain("one thread");
        }

        tape.Count.Should().Be(1);
        tape.Backward(loss);
        input.Gradient!.ToArray().Should().Equal(2);
    }

    [Fact]
    public void TwoTapes_DoNotMix()
    {
        using var first = new Tape();
        using var second = new Tape();
        using Variable left = first.Watch(Ones(2));
        using Variable right = second.Watch(Ones(2));
        Action add = () => Add(left, right);
        Action embed = () => Embed(left.Reshape(1, 2), [0], [1], second);

        add.Should().Throw<InvalidOperationException>().WithMessage("*different tapes*");
        embed.Should().Throw<ArgumentException>().WithParameterName("tape");
        (first.Count + second.Count).Should().Be(0);
    }

    [Fact]
    public void Backward_RefusesWhatItCannotPlay_AndCanStillBePlayed()
    {
        using var tape = new Tape();
        using var other = new Tape();
        using Variable input = tape.Watch(DeviceTensor.Create(s_backend, [1, 2], 2));
        using Variable square = Multiply(input, input);
        using Variable loss = Sum(square);
        using Variable foreign = Scale(other.Watch(Ones(1)), 1);
        using Variable constant = tape.Constant(Ones(1));
        using Variable alone = Variable.Constant(Ones(1));
        using DeviceTensor wrongShape = Ones(3);
        using DeviceTensor disposed = Ones(1);
        disposed.Dispose();
        using DeviceTensor elsewhere = DeviceTensor.Create(new CountingBackend(), [1], 1);

        Refused("loss", () => tape.Backward(square));
        Refused("loss", () => tape.Backward(foreign));
        Refused("loss", () => tape.Backward(constant));
        Refused("loss", () => tape.Backward(alone));
        Refused("loss", () => tape.Backward(null!));
        Refused("gradient", () => tape.Backward(square, wrongShape));
        Refused("gradient", () => tape.Backward(square, null!));
        Refused("gradient", () => tape.Backward(loss, elsewhere));
        Refused("output", () => tape.Backward(foreign, foreign.Data));
        Action useDisposed = () => tape.Backward(loss, disposed);
        useDisposed.Should().Throw<ObjectDisposedException>();

        tape.Backward(loss);
        input.Gradient!.ToArray().Should().Equal(2, 4);

        static void Refused(string parameter, Action use) => use.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    [Fact]
    public void TensorsOfTwoBackends_AreRefused()
    {
        using Variable here = Variable.Constant(Ones(2));
        using Variable there = Variable.Constant(DeviceTensor.Create(new CountingBackend(), [1, 2], 2));
        Action[] uses = [() => Add(here, there), () => Multiply(here, there), () => Concatenate(0, here, there)];

        uses.Should().AllSatisfy(static use => use.Should().Throw<ArgumentException>().WithMessage("*another backend*"));
    }

    [Fact]
    public void Shapes_ThatDoNotFit_AreRefusedByName()
    {
        using Variable three = Variable.Constant(Ones(3));
        using Variable two = Variable.Constant(Ones(2));
        using Variable matrix = Variable.Constant(Ones(2, 3));

        Refused("right", () => Add(three, two));
        Refused("right", () => Multiply(three, two));
        Refused("right", () => MatrixMultiply(matrix, matrix));
        Refused("input", () => Linear(two, matrix));
        Refused("inputs", () => Concatenate(0, matrix, two));
        Refused("inputs", () => Concatenate(0));
        Refused("axis", () => SumAxis(matrix, 2));
        Refused("table", () => Embed(three, [0], [1]));
        Refused("lengths", () => Embed(matrix, [0, 1], [3]));
        Refused("probability", () => Drop(matrix, 1.5f));
        Refused("probability", () => Drop(matrix, float.NaN));

        static void Refused(string parameter, Action use) => use.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private static DeviceTensor Ones(params nint[] lengths)
    {
        DeviceTensor ones = DeviceTensor.Allocate(s_backend, lengths);
        s_backend.Fill(ones, 1);
        return ones;
    }
}
