using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Gumbel-softmax (Jang et al. 2017, "Categorical Reparameterization with Gumbel-Softmax"; Maddison et al. 2017, "The Concrete
/// Distribution"): soft samples of the softmax of given scores. Without noise, see <see cref="RowNormalization"/>.
/// </summary>
/// <remarks>
/// <para>
/// Shapes <c>[batch, heads, queryLength, keyLength]</c>, any strides, the last axis contiguous. A row that may attend to nothing has weights
/// of 0; what a mask hides is not looked at; a row with NaN or positive infinity is NaN where it is allowed. The bits do not depend on
/// threads or the rows around. Nothing is allocated in the steady state.
/// </para>
/// <para>
/// The noise does not depend on the scores, so that the gradient is that of softmax with the same temperature: <see cref="RowNormalization"/>
/// gives it, with the mask and <c>new SoftmaxNormalizer(temperature)</c>. An output made of soft samples depends on the scores smoothly;
/// its gradient is that of another expectation than the hard choice has, hence biased. Straight-through takes the hard sample
/// forward and the gradient of the soft one.
/// </para>
/// </remarks>
public static unsafe class GumbelSoftmax
{
    /// <summary>
    /// Computes <c>weights = softmax((scores + noise) / temperature)</c> with Gumbel noise: a soft sample of <c>softmax(scores)</c>, the
    /// harder the lower the temperature; and if wanted the hard one, whose key is an exact sample.
    /// </summary>
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
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> scores, in TMask mask, float temperature, ulong seed, in TensorSpan<float> weights,
        in TensorSpan<float> oneHot = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        GivenScores given = GivenScoresCheck.Scores(scores, nameof(scores), options);
        GumbelProblem problem = new()
        {
            Normalizer = new SoftmaxNormalizer(temperature),
            Seed = seed,
            Weights = GivenScoresCheck.Like(given, weights, nameof(weights)),
            OneHot = oneHot.Rank == 0 ? default : GivenScoresCheck.Like(given, oneHot, nameof(oneHot)),
        };
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
            ChoicePass.Gumbel(problem, mask, options);
        }
    }
}
