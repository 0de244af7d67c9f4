using Attention.Autodiff;
using Attention.Backends;
using Attention.TestKit;
using static Attention.Autodiff.Differentiable;

namespace Attention.Tests.Autodiff;

/// <summary>Optimisers against the formulas in double, over several steps of changing gradients.</summary>
public class OptimizerTests
{
    private const int Steps = 6;
    private const float Rate = 0.05f;

    /// <summary>Takes a step in double: parameter, gradient, two states and the step's number.</summary>
    private delegate void Reference(double[] parameter, double[] gradient, double[] first, double[] second, int step);

    [Theory]
    [InlineData(0.9f, 0.999f, 1e-8f, 0)]
    [InlineData(0.9f, 0.98f, 1e-9f, 0)]
    [InlineData(0.8f, 0.9f, 1e-3f, 0.1f)]
    [InlineData(0, 0, 1e-3f, 0.01f)]
    public void Adam_And_AdamW(float beta1, float beta2, float epsilon, float weightDecay) => Check(
        parameters => new Adam(parameters, beta1, beta2, epsilon, weightDecay),
        (parameter, gradient, first, second, step) =>
        {
            for (int i = 0; i < parameter.Length; i++)
            {
                first[i] = beta1 * first[i] + (1.0 - beta1) * gradient[i];
                second[i] = beta2 * second[i] + (1.0 - beta2) * gradient[i] * gradient[i];
                double mean = first[i] / (1 - Math.Pow(beta1, step));
                double square = second[i] / (1 - Math.Pow(beta2, step));
                parameter[i] -= Rate * weightDecay * parameter[i];
                parameter[i] -= Rate * mean / (Math.Sqrt(square) + epsilon);
            }
        });

    [Theory]
    [InlineData(0, false, 0)]
    [InlineData(0, false, 0.1f)]
    [InlineData(0.9f, false, 0)]
    [InlineData(0.9f, false, 0.1f)]
    [InlineData(0.9f, true, 0)]
    [InlineData(0.8f, true, 0.1f)]
    public void StochasticGradientDescent_WithMomentumAndDecay(float momentum, bool nesterov, float weightDecay) => Check(
        parameters => new StochasticGradientDescent(parameters, momentum, nesterov, weightDecay),
        (parameter, gradient, velocity, _, _) =>
        {
            for (int i = 0; i < parameter.Length; i++)
            {
                double slope = gradient[i] + (double)weightDecay * parameter[i];
                velocity[i] = momentum * velocity[i] + slope;
                parameter[i] -= Rate * (nesterov ? slope + momentum * velocity[i] : velocity[i]);
            }
        });

    [Fact]
    public void ParametersWithoutAGradient_AreLeftAlone()
    {
        foreach (Func<IEnumerable<Parameter>, Optimizer> create in new Func<IEnumerable<Parameter>, Optimizer>[]
        {
            parameters => new Adam(parameters, weightDecay: 0.1f),
            parameters => new StochasticGradientDescent(parameters, 0.9f, weightDecay: 0.1f),
        })
        {
            using Parameter used = Create("used", [1, 2, 3]);
            using Parameter unused = Create("unused", [4, 5]);
            using Optimizer optimizer = create([used, unused, used]);
            SetGradient(used, [1, 1, 1]);

            optimizer.Parameters.Should().Equal(used, unused);
            optimizer.Step(0.1f);

            optimizer.Steps.Should().Be(1);
            unused.Data.ToArray().Should().Equal(4, 5);
            used.Data.ToArray().Should().NotEqual([1, 2, 3]);
            used.Gradient.Should().BeNull("a step forgets the gradients");
            float[] after = used.Data.ToArray();
            optimizer.Step(0.1f).Should().Be(0);
            used.Data.ToArray().Should().Equal(after);
        }
    }

    [Fact]
    public void TheNorm_IsThatOfAllGradients()
    {
        using Parameter first = Create("first", [0, 0]);
        using Parameter second = Create("second", [0]);
        using var optimizer = new StochasticGradientDescent([first, second]);
        optimizer.GradientNorm().Should().Be(0);
        SetGradient(first, [2, 3]);
        SetGradient(second, [6]);

        optimizer.GradientNorm().Should().Be(7);
        optimizer.Step(1, maxGradientNorm: 3.5).Should().Be(7);

        first.Data.ToArray().Should().Equal(-1, -1.5f);
        second.Data.ToArray().Should().Equal(-3);
    }

    [Fact]
    public void Gradients_BelowTheLimit_AreNotScaled()
    {
        using Parameter parameter = Create("p", [0, 0]);
        using var optimizer = new StochasticGradientDescent([parameter]);
        SetGradient(parameter, [3, 4]);

        optimizer.Step(1, maxGradientNorm: 5).Should().Be(5);

        parameter.Data.ToArray().Should().Equal(-3, -4);
    }

    [Fact]
    public void BadArguments_AreRefusedByName_AndNothingChanges()
    {
        using Parameter parameter = Create("p", [1, 2]);
        SetGradient(parameter, [1, 1]);
        using var optimizer = new Adam([parameter]);

        Refused("learningRate", () => optimizer.Step(-1));
        Refused("learningRate", () => optimizer.Step(float.NaN));
        Refused("maxGradientNorm", () => optimizer.Step(1, 0));
        Refused("maxGradientNorm", () => optimizer.Step(1, double.NaN));
        Refused("beta1", () => _ = new Adam([parameter], beta1: 1));
        Refused("beta1", () => _ = new Adam([parameter], beta1: float.NaN));
        Refused("beta2", () => _ = new Adam([parameter], beta2: -0.1f));
        Refused("epsilon", () => _ = new Adam([parameter], epsilon: -1));
        Refused("weightDecay", () => _ = new Adam([parameter], weightDecay: -1));
        Refused("momentum", () => _ = new StochasticGradientDescent([parameter], 1));
        Refused("momentum", () => _ = new StochasticGradientDescent([parameter], float.NaN));
        Refused("weightDecay", () => _ = new StochasticGradientDescent([parameter], weightDecay: -1));
        Action none = () => _ = new Adam(null!);

        none.Should().Throw<ArgumentNullException>().WithParameterName("parameters");
        optimizer.Steps.Should().Be(0);
        parameter.Data.ToArray().Should().Equal(1, 2);
        parameter.Gradient!.ToArray().Should().Equal(1, 1);

        static void Refused(string name, Action use) => use.Should().Throw<ArgumentOutOfRangeException>().WithParameterName(name);
    }

    [Fact]
    public void States_GoBack()
    {
        var backend = new CountingBackend();
        using (var parameter = new Parameter("p", DeviceTensor.Zeros(backend, 3)))
        {
            foreach (Optimizer optimizer in new Optimizer[] { new Adam([parameter]), new StochasticGradientDescent([parameter], 0.9f) })
            {
                using var tape = new Tape();
                using Variable constant = tape.Constant(DeviceTensor.Zeros(backend, 1));
                using Variable product = Multiply(parameter, constant);
                using Variable loss = Sum(product);
                tape.Backward(loss);
                optimizer.Step(0.1f);
                optimizer.Dispose();
            }
        }

        backend.LiveBuffers.Should().Be(0);
    }

    private static void Check(Func<IEnumerable<Parameter>, Optimizer> create, Reference reference)
    {
        foreach (double limit in new[] { double.PositiveInfinity, 2.0 })
        {
            Random random = new(1);
            float[] numbers = AttentionProblems.Normal(random, 13);
            using Parameter parameter = Create("p", numbers);
            using Optimizer optimizer = create([parameter]);
            double[] expected = Array.ConvertAll(numbers, static x => (double)x);
            double[] first = new double[13];
            double[] second = new double[13];
            for (int step = 1; step <= Steps; step++)
            {
                float[] gradient = AttentionProblems.Normal(random, 13);
                SetGradient(parameter, gradient);
                double norm = optimizer.Step(Rate, limit);

                double[] scaled = Array.ConvertAll(gradient, static x => (double)x);
                double expectedNorm = Math.Sqrt(scaled.Sum(static x => x * x));
                double factor = Math.Min(1, limit / expectedNorm);
                reference(expected, Array.ConvertAll(scaled, x => x * factor), first, second, step);
                Tolerance.Golden("norm", [(float)norm], [double.IsInfinity(limit) ? 0 : expectedNorm]);
                Tolerance.Golden($"parameter after step {step}", parameter.Data.ToArray(), expected);
            }

            optimizer.Steps.Should().Be(Steps);
        }
    }

    private static Parameter Create(string name, float[] numbers) =>
        new(name, DeviceTensor.Create(CpuBackend.Shared, numbers, numbers.Length));

    /// <summary>Gives a parameter a gradient by playing a weighted sum back.</summary>
    private static void SetGradient(Parameter parameter, float[] gradient)
    {
        using var tape = new Tape();
        using Variable weights = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, gradient, gradient.Length));
        using Variable product = Multiply(parameter, weights);
        using Variable loss = Sum(product);
        tape.Backward(loss);
    }

    [Fact]
    public void Adam_CorrectsTheBiasOfEachParameter_ByItsOwnSteps()
    {
        const int Late = 1000;
        using Parameter early = new("early", DeviceTensor.Zeros(CpuBackend.Shared, 1));
        using Parameter late = new("late", DeviceTensor.Zeros(CpuBackend.Shared, 1));
        using Adam adam = new([early, late]);
        for (int step = 1; step <= Late; step++)
        {
            using Tape tape = new();
            using Variable used = tape.Use(step < Late ? early : late);
            using Variable loss = Sum(used);
            tape.Backward(loss);
            adam.Step(Rate);
        }

        // The first step of a parameter is as long as the rate, whenever it comes.
        late.Data.ToArray()[0].Should().BeApproximately(-Rate, 1e-6f);
        adam.Steps.Should().Be(Late);
    }

    [Fact]
    public void RatesThatAreNoNumbers_AreRefused_AndNoStepCounts()
    {
        using Parameter parameter = new("p", DeviceTensor.Zeros(CpuBackend.Shared, 1));
        StochasticGradientDescent descent = new([parameter]);
        using Adam adam = new([parameter]);
        foreach (float rate in new[] { -1, float.NaN, float.PositiveInfinity })
        {
            FluentActions.Invoking(() => adam.Step(rate)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("learningRate");
            FluentActions.Invoking(() => descent.Step(rate)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("learningRate");
            FluentActions.Invoking(() => new Adam([parameter], weightDecay: rate)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("weightDecay");
            FluentActions.Invoking(() => new StochasticGradientDescent([parameter], weightDecay: rate))
                .Should().Throw<ArgumentOutOfRangeException>().WithParameterName("weightDecay");
        }

        descent.Dispose();
        FluentActions.Invoking(() => descent.Step(Rate)).Should().Throw<ObjectDisposedException>();
        (adam.Steps + descent.Steps).Should().Be(0);
    }
}
