using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// The weights of given scores, with their gradient: softmax, and Gumbel-softmax (Jang et al. 2017, "Categorical
/// Reparameterization with Gumbel-Softmax"; Maddison et al. 2017, "The Concrete Distribution").
/// </summary>
/// <remarks>
/// Weights are as large as the scores; attention that needs no weights is cheaper without. Shapes
/// <c>[batch, heads, queryLength, keyLength]</c>, any strides, the last axis contiguous. A row that may attend to nothing has weights and
/// gradients of 0; what a mask hides is not looked at; a row with NaN or positive infinity is NaN where it is allowed. The
/// bits do not depend on threads or the rows around. Nothing is allocated in the steady state.
/// </remarks>
public static unsafe class SoftmaxWeights
{
    /// <summary>Temperatures below would make of scores what a float cannot hold.</summary>
    private const float LowestTemperature = 1e-20f;

    private const float HighestTemperature = 1e20f;

    /// <summary>Computes <c>weights = softmax(scores)</c> over the keys that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="weights">Overwritten, of the same shape.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or the result overlaps the scores; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> scores, in TMask mask, in TensorSpan<float> weights, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask =>
        Run(scores, mask, new SoftmaxProblem { Factor = 1f }, weights, default, options);

    /// <summary>
    /// Computes <c>weights = softmax((scores + noise) / temperature)</c> with Gumbel noise: a soft sample of <c>softmax(scores)</c>, the
    /// harder the lower the temperature; and if wanted the hard one, whose key is an exact sample.
    /// </summary>
    /// <remarks>
    /// An output made of soft samples depends on the scores smoothly, so that a gradient passes; it is that of another expectation than the
    /// hard choice has, hence biased. Straight-through takes the hard sample forward and the gradient of the soft one.
    /// </remarks>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="temperature">A number from 1e-20 to 1e20.</param>
    /// <param name="seed">The noise depends on it and on batch, head, query and key alone.</param>
    /// <param name="weights">Overwritten, of the scores' shape.</param>
    /// <param name="oneHot">Overwritten, of the scores' shape: 1 for the key with the largest sum of score and noise, 0 for the others; <c>default</c> if not wanted.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride, option or the temperature is not as said, or a result overlaps the scores or the other result; nothing was written.
    /// </exception>
    public static void GumbelForward<TMask>(
        in ReadOnlyTensorSpan<float> scores, in TMask mask, float temperature, ulong seed, in TensorSpan<float> weights,
        in TensorSpan<float> oneHot = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask =>
        Run(scores, mask, new SoftmaxProblem { Factor = Factor(temperature), HasNoise = true, Seed = seed }, weights, oneHot, options);

    /// <summary>Computes the gradient of the scores, <c>weights (weightsGradient - sum(weights weightsGradient)) / temperature</c>.</summary>
    /// <param name="weights">What the forward pass gave, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="weightsGradient">The gradient of the loss by the weights, of that shape; not looked at where a weight is 0.</param>
    /// <param name="scoresGradient">Overwritten, of that shape.</param>
    /// <param name="temperature">That of the forward pass.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">A shape, stride, option or the temperature is not as said, or the result overlaps an input; nothing was written.</exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> weights, in ReadOnlyTensorSpan<float> weightsGradient, in TensorSpan<float> scoresGradient,
        float temperature = 1, in AttentionOptions options = default)
    {
        GivenScores given = GivenScoresCheck.Scores(weights, nameof(weights), options);
        SoftmaxGradientProblem problem = new()
        {
            Factor = Factor(temperature),
            WeightsGradient = GivenScoresCheck.Like(given, weightsGradient, nameof(weightsGradient)),
            ScoresGradient = GivenScoresCheck.Like(given, scoresGradient, nameof(scoresGradient)),
        };
        Guard.Disjoint(scoresGradient, nameof(scoresGradient), weights, nameof(weights));
        Guard.Disjoint(scoresGradient, nameof(scoresGradient), weightsGradient, nameof(weightsGradient));
        fixed (float* weightsAddress = weights, gradientAddress = weightsGradient, destinationAddress = scoresGradient)
        {
            given.Scores.Address = weightsAddress;
            problem.Weights = given;
            problem.WeightsGradient.Address = gradientAddress;
            problem.ScoresGradient.Address = destinationAddress;
            ChoicePass.SoftmaxGradients(problem, options);
        }
    }

    private static void Run<TMask>(
        in ReadOnlyTensorSpan<float> scores, in TMask mask, SoftmaxProblem problem, in TensorSpan<float> weights,
        in TensorSpan<float> oneHot, in AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        GivenScores given = GivenScoresCheck.Scores(scores, nameof(scores), options);
        problem.Weights = GivenScoresCheck.Like(given, weights, nameof(weights));
        problem.OneHot = oneHot.Rank == 0 ? default : GivenScoresCheck.Like(given, oneHot, nameof(oneHot));
        GivenScoresCheck.Mask(given, mask);
        Guard.Disjoint(weights, nameof(weights), scores, nameof(scores));
        Guard.Disjoint(oneHot, nameof(oneHot), scores, nameof(scores));
        Guard.Disjoint(oneHot, nameof(oneHot), weights, nameof(weights));
        fixed (float* scoresAddress = scores, weightsAddress = weights, oneHotAddress = oneHot)
        {
            given.Scores.Address = scoresAddress;
            problem.Given = given;
            problem.Weights.Address = weightsAddress;
            problem.OneHot.Address = oneHotAddress;
            ChoicePass.Softmax(problem, mask, options);
        }
    }

    private static float Factor(float temperature)
    {
        if (!(temperature is >= LowestTemperature and <= HighestTemperature))
        {
            Throw.OutOfRange(
                nameof(temperature), temperature, $"'temperature' is {temperature}; expected a number from {LowestTemperature} to {HighestTemperature}.");
        }

        return 1f / temperature;
    }
}
