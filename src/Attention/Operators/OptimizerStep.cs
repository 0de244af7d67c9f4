using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>One step of an optimiser over one tensor of parameters, in a single pass over its memory.</summary>
/// <remarks>
/// Tensors may have any strides. The bits depend on the vector width at most, and not on the number of threads. Nothing is
/// allocated once the working memory has grown.
/// </remarks>
public static unsafe class OptimizerStep
{
    /// <summary>
    /// Takes a step of AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2), which without
    /// weight decay is Adam (Kingma and Ba, 2015, algorithm 1). With <c>g = GradientScale gradient</c> and t the step:
    /// <c>parameter -= LearningRate WeightDecay parameter</c>, <c>firstMoment = Beta1 firstMoment + (1 - Beta1) g</c>,
    /// <c>secondMoment = Beta2 secondMoment + (1 - Beta2) g^2</c>, and
    /// <c>parameter -= LearningRate firstMoment / (1 - Beta1^t) / (sqrt(secondMoment / (1 - Beta2^t)) + Epsilon)</c>.
    /// </summary>
    /// <param name="parameter">What is learnt, of any shape.</param>
    /// <param name="gradient">Its gradient, of the same shape.</param>
    /// <param name="firstMoment">The mean of the gradients, of the same shape; zeros before the first step.</param>
    /// <param name="secondMoment">The mean of their squares, of the same shape; zeros before the first step.</param>
    /// <param name="step">The settings and the number of the step.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A member of <paramref name="step"/> lies outside of its range, or <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// A tensor has no axes; the shapes differ; the elements of a tensor that is written overlap each other; or it overlaps
    /// another tensor.
    /// </exception>
    public static void Adam(
        in TensorSpan<float> parameter,
        in ReadOnlyTensorSpan<float> gradient,
        in TensorSpan<float> firstMoment,
        in TensorSpan<float> secondMoment,
        in AdamStep step,
        int maxDegreeOfParallelism = 0) =>
        Adam(parameter, gradient, firstMoment, secondMoment, step, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>
    /// Takes a step of gradient descent with momentum (Sutskever et al., "On the importance of initialization and momentum in
    /// deep learning", 2013). With <c>g = gradientScale gradient + weightDecay parameter</c>:
    /// <c>velocity = momentum velocity + g</c> and <c>parameter -= learningRate velocity</c>, or with <paramref name="nesterov"/>
    /// <c>parameter -= learningRate (g + momentum velocity)</c>.
    /// </summary>
    /// <param name="parameter">What is learnt, of any shape.</param>
    /// <param name="gradient">Its gradient, of the same shape.</param>
    /// <param name="velocity">
    /// The sum of the gradients, of the same shape; zeros before the first step. Without axes there is none:
    /// <c>parameter -= learningRate g</c>, and <paramref name="momentum"/> and <paramref name="nesterov"/> mean nothing.
    /// </param>
    /// <param name="learningRate">How far a step goes, at least 0.</param>
    /// <param name="momentum">What the velocity keeps from step to step, in [0, 1).</param>
    /// <param name="nesterov">Whether the step looks ahead.</param>
    /// <param name="weightDecay">The factor on the parameter that joins its gradient, at least 0.</param>
    /// <param name="gradientScale">The factor on the gradient, such as what clips its norm.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number lies outside of its range, or <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The parameter has no axes; the shapes differ; the elements of a tensor that is written overlap each other; or it overlaps
    /// another tensor.
    /// </exception>
    public static void Momentum(
        in TensorSpan<float> parameter,
        in ReadOnlyTensorSpan<float> gradient,
        in TensorSpan<float> velocity,
        float learningRate,
        float momentum,
        bool nesterov,
        float weightDecay,
        float gradientScale,
        int maxDegreeOfParallelism = 0) =>
        Momentum(
            parameter, gradient, velocity, learningRate, momentum, nesterov, weightDecay, gradientScale, maxDegreeOfParallelism,
            SimdWidth.Automatic);

    internal static void Adam(
        in TensorSpan<float> parameter,
        in ReadOnlyTensorSpan<float> gradient,
        in TensorSpan<float> firstMoment,
        in TensorSpan<float> secondMoment,
        in AdamStep step,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        Check(step);
        OperatorCheck.Written(parameter, nameof(parameter));
        OperatorCheck.SameShape(gradient, nameof(gradient), parameter, nameof(parameter));
        Guard.Disjoint(parameter, nameof(parameter), gradient, nameof(gradient));
        State(firstMoment, nameof(firstMoment), parameter, gradient);
        State(secondMoment, nameof(secondMoment), parameter, gradient);
        Guard.Disjoint(secondMoment, nameof(secondMoment), firstMoment, nameof(firstMoment));
        if (parameter.FlattenedLength == 0)
        {
            return;
        }

        fixed (float* parameterAddress = parameter, gradientAddress = gradient, firstAddress = firstMoment, secondAddress = secondMoment)
        {
            using Scratch.Rental memory = Scratch.Rent(LoopAxes.FloatsNeeded(parameter.Rank));
            LoopAxes axes = new(memory.Memory, parameter.Lengths);
            axes.Set(LoopAxes.First, parameterAddress, parameter);
            axes.Set(LoopAxes.Second, gradientAddress, gradient);
            axes.Set(LoopAxes.Third, firstAddress, firstMoment);
            axes.Set(LoopAxes.Fourth, secondAddress, secondMoment);
            axes.ArrangeByMemory(LoopAxes.First);
            PanelLoop.Run(axes, new AdamKernel(step), maxDegreeOfParallelism, width);
        }
    }

    internal static void Momentum(
        in TensorSpan<float> parameter,
        in ReadOnlyTensorSpan<float> gradient,
        in TensorSpan<float> velocity,
        float learningRate,
        float momentum,
        bool nesterov,
        float weightDecay,
        float gradientScale,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.NotNegative(learningRate, nameof(learningRate));
        OperatorCheck.Fraction(momentum, oneIsAllowed: false, nameof(momentum));
        OperatorCheck.NotNegative(weightDecay, nameof(weightDecay));
        OperatorCheck.Finite(gradientScale, nameof(gradientScale));
        OperatorCheck.Written(parameter, nameof(parameter));
        OperatorCheck.SameShape(gradient, nameof(gradient), parameter, nameof(parameter));
        Guard.Disjoint(parameter, nameof(parameter), gradient, nameof(gradient));
        if (velocity.Rank != 0)
        {
            State(velocity, nameof(velocity), parameter, gradient);
        }

        if (parameter.FlattenedLength == 0)
        {
            return;
        }

        fixed (float* parameterAddress = parameter, gradientAddress = gradient, velocityAddress = velocity)
        {
            using Scratch.Rental memory = Scratch.Rent(LoopAxes.FloatsNeeded(parameter.Rank));
            LoopAxes axes = new(memory.Memory, parameter.Lengths);
            axes.Set(LoopAxes.First, parameterAddress, parameter);
            axes.Set(LoopAxes.Second, gradientAddress, gradient);
            if (velocity.Rank != 0)
            {
                axes.Set(LoopAxes.Third, velocityAddress, velocity);
            }

            axes.ArrangeByMemory(LoopAxes.First);
            MomentumKernel kernel = new(learningRate, momentum, nesterov, weightDecay, gradientScale);
            PanelLoop.Run(axes, kernel, maxDegreeOfParallelism, width);
        }
    }

    /// <summary>What an optimiser keeps from step to step.</summary>
    private static void State(
        in TensorSpan<float> state, string name, in TensorSpan<float> parameter, in ReadOnlyTensorSpan<float> gradient)
    {
        OperatorCheck.SameShape(state, name, parameter, nameof(parameter));
        OperatorCheck.Written(state, name);
        Guard.Disjoint(state, name, parameter, nameof(parameter));
        Guard.Disjoint(state, name, gradient, nameof(gradient));
    }

    private static void Check(in AdamStep step)
    {
        bool isFine = step.LearningRate >= 0f && float.IsFinite(step.LearningRate)
            && step.Beta1 is >= 0f and < 1f && step.Beta2 is >= 0f and < 1f
            && step.Epsilon >= 0f && float.IsFinite(step.Epsilon)
            && step.WeightDecay >= 0f && float.IsFinite(step.WeightDecay)
            && float.IsFinite(step.GradientScale) && step.Step >= 1;
        if (!isFine)
        {
            Throw.OutOfRange(
                nameof(step), step,
                $"'{nameof(step)}' is {step}; expected betas in [0, 1), a step of at least 1, and finite numbers, none negative but the scale.");
        }
    }
}
