using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;

namespace Attention.Layers;

/// <summary>
/// Layer normalisation (Ba et al. 2016) of the last axis, <c>(x - mean) / sqrt(variance + epsilon) weight + bias</c>, with the
/// biased variance. Parameters: <c>weight [size]</c>, ones, and <c>bias [size]</c>, zeros.
/// </summary>
public sealed class LayerNorm : Layer
{
    private readonly float _epsilon;

    /// <summary>Creates a layer.</summary>
    /// <param name="size">Numbers in a row.</param>
    /// <param name="epsilon">Added to the variance: 1e-5 in PyTorch, 1e-6 in Flax, 1e-12 in BERT.</param>
    /// <param name="hasBias">Whether there is a bias.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not positive, or <paramref name="epsilon"/> negative or NaN.</exception>
    public LayerNorm(int size, float epsilon = 1e-5f, bool hasBias = true, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        _epsilon = Initial.CheckEpsilon(epsilon);
        Weight = AddParameter("weight", Initial.Ones(size), size);
        Bias = hasBias ? AddParameter("bias", new float[size], size) : null;
    }

    /// <summary><c>[size]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary><c>[size]</c>, or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>Normalises every row.</summary>
    /// <param name="input"><c>[..., size]</c>.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The last axis is not <c>size</c>.</exception>
    public Variable Forward(Variable input)
    {
        LayerInput.CheckRows(input, nameof(input), Weight.Data.Lengths[0]);
        return Differentiable.Normalize(NormalizationKind.Layer, input, Weight, Bias, _epsilon);
    }
}
