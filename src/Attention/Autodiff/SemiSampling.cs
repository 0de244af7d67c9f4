using Attention.Numerics;

namespace Attention.Autodiff;

/// <summary>
/// Training by choices and by soft weights in turn (Xu et al. 2015, section 4.1): with a probability of one half a whole minibatch
/// uses soft attention instead, whose gradient is exact.
/// </summary>
/// <remarks>
/// Decided once for a minibatch. What is learned is the mean of the two objectives, weighted so; for a soft minibatch there is no
/// <see cref="Differentiable.ReinforceLoss"/>.
/// </remarks>
public sealed class SemiSampling
{
    private readonly PhiloxRandom _random;

    /// <summary>Creates the decision.</summary>
    /// <param name="seed">What the decisions depend on besides the number of the minibatch.</param>
    /// <param name="softProbability">How likely a minibatch is soft, in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="softProbability"/> is not in [0, 1].</exception>
    public SemiSampling(ulong seed, float softProbability = 0.5f)
    {
        SoftProbability = softProbability is >= 0 and <= 1
            ? softProbability
            : throw new ArgumentOutOfRangeException(nameof(softProbability), softProbability, "A probability lies in [0, 1].");
        _random = new PhiloxRandom(seed);
    }

    /// <summary>How likely a minibatch is soft.</summary>
    public float SoftProbability { get; }

    /// <summary>Says whether a minibatch uses soft attention.</summary>
    /// <param name="minibatch">Its number; the same number gives the same answer.</param>
    public bool IsSoft(ulong minibatch) => _random.Uniform(minibatch) < SoftProbability;
}
