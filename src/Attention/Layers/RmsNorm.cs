using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;

namespace Attention.Layers;

/// <summary>
/// Root-mean-square normalisation (Zhang and Sennrich 2019) of the last axis, <c>x / sqrt(mean(x^2) + epsilon) weight</c>.
/// Parameter: <c>weight [size]</c>, ones.
/// </summary>
public sealed class RmsNorm : Layer
{
    private readonly float _epsilon;

    /// <summary>Creates a layer.</summary>
    /// <param name="size">Numbers in a row.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not positive, or <paramref name="epsilon"/> negative or NaN.</exception>
    public RmsNorm(int size, float epsilon = 1e-6f, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        _epsilon = Initial.CheckEpsilon(epsilon);
        Weight = AddParameter("weight", Initial.Ones(size), size);
    }

    /// <summary><c>[size]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>Normalises every row.</summary>
    /// <param name="input"><c>[..., size]</c>.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The last axis is not <c>size</c>.</exception>
    public Variable Forward(Variable input)
    {
        LayerInput.CheckRows(input, nameof(input), Weight.Data.Lengths[0]);
        return Differentiable.Normalize(NormalizationKind.RootMeanSquare, input, Weight, null, _epsilon);
    }
}
