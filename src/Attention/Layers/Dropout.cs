using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>
/// Dropout (Srivastava et al. 2014): under a tape that trains every number is dropped with a probability p and the others are
/// divided by <c>1 - p</c>; otherwise numbers pass unchanged. No parameters.
/// </summary>
/// <remarks>What is dropped depends on the seed of the tape and on the order of calls under it alone.</remarks>
public sealed class Dropout : Layer
{
    /// <summary>Creates a layer.</summary>
    /// <param name="probability">The probability with which a number is dropped.</param>
    /// <param name="backend">What <see cref="Layer.Backend"/> says; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="probability"/> is not in [0, 1].</exception>
    public Dropout(float probability, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        Probability = Initial.CheckProbability(probability, nameof(probability));
    }

    /// <summary>The probability with which a number is dropped.</summary>
    public float Probability { get; }

    /// <summary>Drops numbers, under a tape that trains.</summary>
    /// <param name="input">Any shape.</param>
    /// <returns>Of the input's shape; without such a tape a share of the input.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    public Variable Forward(Variable input) => Differentiable.Drop(input, Probability);
}
