using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Autodiff;

/// <summary>Entmax with a learned alpha on the tape, against central differences in double.</summary>
public class EntmaxGradientTests
{
    private static readonly nint[] s_scores = [2, 3, 5, 6];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ScoresAndAlpha_HaveTheirGradients(int alphas) => GradientCheck.Run(
        static x =>
        {
            using Variable alpha = Alpha(x[1]);
            return Differentiable.Entmax(x[0], alpha, CausalMask.TopLeft);
        },
        static x => Weights(x[0], x[1]), s_scores, [alphas]);

    /// <summary>What asks for no gradient gets none, and the other's stays.</summary>
    [Fact]
    public void OneInputOnTheTape_IsEnough()
    {
        using var tape = new Tape();
        using DeviceTensor numbers = DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(1), 180), s_scores);
        using Variable fixedScores = Variable.Constant(numbers.Share());
        using Variable learnedScores = tape.Watch(numbers.Share());
        using Variable fixedAlpha = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, [1.5f], 1));
        using Variable learnedAlpha = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, [1.5f], 1));
        using Variable first = Differentiable.Entmax(fixedScores, learnedAlpha, default(NoMask));
        using Variable second = Differentiable.Entmax(learnedScores, fixedAlpha, default(NoMask));
        using Variable neither = Differentiable.Entmax(fixedScores, fixedAlpha, default(NoMask));
        using Variable both = Differentiable.Add(first, second);
        using DeviceTensor gradient = DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(2), 180), s_scores);

        tape.Backward(both, gradient);

        Tolerance.SameBits("weights", neither.Data.ToArray(), first.Data.ToArray());
        neither.RequiresGradient.Should().BeFalse();
        learnedAlpha.Gradient!.ToArray().Should().OnlyContain(number => number != 0);
        learnedScores.Gradient!.ToArray().Should().Contain(number => number != 0);
    }

    /// <summary>Alpha, learned as the paper does, finds the one that made the weights.</summary>
    [Fact]
    public void Alpha_IsLearned()
    {
        using DeviceTensor scores = DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(1), 180, 2), s_scores);
        using Variable constant = Variable.Constant(scores.Share());
        using Variable wanted = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, [1.1f, 1.5f, 1.9f], 3));
        using Variable target = Differentiable.Entmax(constant, wanted, default(NoMask));
        using Variable negative = Differentiable.Scale(target, -1);
        using var parameter = new Parameter("alpha", DeviceTensor.Zeros(CpuBackend.Shared, 3));
        using var optimizer = new StochasticGradientDescent([parameter]);
        float[] alphas = [];
        for (int step = 0; step < 300; step++)
        {
            using var tape = new Tape();
            using Variable raw = tape.Use(parameter);
            using Variable alpha = Alpha(raw);
            using Variable weights = Differentiable.Entmax(constant, alpha, default(NoMask));
            using Variable error = Differentiable.Add(weights, negative);
            using Variable squares = Differentiable.Multiply(error, error);
            using Variable loss = Differentiable.Sum(squares);
            tape.Backward(loss);
            optimizer.Step(3f);
            alphas = alpha.Data.ToArray();
        }

        alphas.Zip([1.1f, 1.5f, 1.9f], (found, right) => Math.Abs(found - right)).Max().Should().BeLessThan(0.01f);
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        using Variable scores = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, s_scores));
        using Variable rows = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 5, 6));
        using Variable alpha = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, [1.5f], 1));
        using Variable small = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, [0.5f], 1));
        using Variable two = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, [1.5f, 1.5f], 2));
        Refused(() => Differentiable.Entmax(rows, alpha, default(NoMask)), "scores");
        Refused(() => Differentiable.Entmax(null!, alpha, default(NoMask)), "scores");
        Refused(() => Differentiable.Entmax(scores, null!, default(NoMask)), "alpha");
        Refused(() => Differentiable.Entmax(scores, small, default(NoMask)), "alpha");
        Refused(() => Differentiable.Entmax(scores, two, default(NoMask)), "alpha");
        Refused(() => Differentiable.Entmax(scores, alpha, new KeyLengthMask(7)), "mask");

        static void Refused(Action call, string parameter) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    /// <summary>1 + sigmoid(a).</summary>
    private static Variable Alpha(Variable raw)
    {
        using Variable open = Differentiable.Activate(ActivationKind.Sigmoid, raw);
        using Variable one = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, [1f], 1));
        return Differentiable.Add(open, one);
    }

    private static PlainTensor Weights(PlainTensor scores, PlainTensor raw)
    {
        double[] weights = new double[scores.Values.Length];
        for (int row = 0; row < weights.Length / 6; row++)
        {
            double alpha = 1 + (1 / (1 + Math.Exp(-raw.Values[row / 5 % 3 % raw.Values.Length])));
            int keys = Math.Min(6, (row % 5) + 1);
            new NormalizerReference(NormalizerKind.Entmax, alpha).Weights(scores.Values.AsSpan(row * 6, keys).ToArray()).CopyTo(weights, row * 6);
        }

        return scores.With(weights, scores.Lengths);
    }
}
