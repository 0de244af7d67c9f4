using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>
/// <c>output = input weight^T + bias</c> over the last axis. Parameters: <c>weight [outputSize, inputSize]</c>, Glorot uniform,
/// and <c>bias [outputSize]</c>, zero.
/// </summary>
public sealed class Linear : Layer
{
    /// <summary>Creates a layer.</summary>
    /// <param name="inputSize">Numbers in.</param>
    /// <param name="outputSize">Numbers out.</param>
    /// <param name="hasBias">Whether there is a bias.</param>
    /// <param name="seed">Decides the first weights.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
    public Linear(int inputSize, int outputSize, bool hasBias = true, ulong seed = 0, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputSize);
        Weight = AddParameter("weight", Initial.Glorot(seed, outputSize, inputSize), outputSize, inputSize);
        Bias = hasBias ? AddParameter("bias", new float[outputSize], outputSize) : null;
    }

    /// <summary><c>[outputSize, inputSize]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary><c>[outputSize]</c>, or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>Computes <c>input weight^T + bias</c>.</summary>
    /// <param name="input"><c>[..., inputSize]</c>.</param>
    /// <returns><c>[..., outputSize]</c>.</returns>
    /// <exception cref="ArgumentException">The last axis is not <c>inputSize</c>.</exception>
    public Variable Forward(Variable input) => Differentiable.Linear(input, Weight, Bias);
}
