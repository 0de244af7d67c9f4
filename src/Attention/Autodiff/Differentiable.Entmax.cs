using Attention.Backends;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Entmax of given scores, with gradients of scores and alpha; see <see cref="Mechanisms.EntmaxWeights"/>.</summary>
    /// <remarks>
    /// To learn alpha, make it <c>1 + sigmoid(a)</c> of a parameter <c>a</c>, as Correia et al. 2019 do: an optimiser's step then never
    /// leaves [1, 2]. An alpha outside is refused.
    /// </remarks>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="scores"><c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="alpha">From 1, softmax, to 2, sparsemax, <c>[1]</c> for all heads or <c>[heads]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <returns>Of the scores' shape; zeros for a query that may attend to nothing.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit, or an alpha is not in [1, 2].</exception>
    public static Variable Entmax<TMask>(Variable scores, Variable alpha, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(alpha);
        Rank4(scores, nameof(scores));
        Tape? tape = Tape.Of(scores, alpha);
        DeviceTensor weights = DeviceTensor.Allocate(scores.Data.Backend, scores.Data.Lengths);
        weights.Backend.Run(new EntmaxForward<TMask> { Scores = scores.Data, Alpha = alpha.Data, Mask = mask, Weights = weights });
        return Records(tape, scores, alpha) ? RecordEntmax(tape!, weights, scores, alpha, mask) : Plain(weights, tape, scores, alpha);
    }

    private static Variable RecordEntmax<TMask>(Tape tape, DeviceTensor weights, Variable scores, Variable alpha, TMask mask)
        where TMask : struct, IAttentionMask
    {
        (DeviceTensor keptWeights, DeviceTensor keptAlpha) = (weights.Share(), alpha.Data.Share());
        return Recorded(
            tape, weights, [scores, alpha],
            (gradient, results) => gradient.Backend.Run(new EntmaxBackward<TMask>
            {
                Weights = keptWeights,
                WeightGradient = gradient,
                Alpha = keptAlpha,
                Mask = mask,
                ScoreGradient = results[0],
                AlphaGradient = results[1],
            }),
            keptWeights, keptAlpha);
    }
}
