using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>Rows of a learned table. Parameter: <c>weight [count, size]</c>, normal with deviation <c>deviation</c>.</summary>
public sealed class Embedding : Layer
{
    /// <summary>Creates a layer.</summary>
    /// <param name="count">Rows of the table.</param>
    /// <param name="size">Numbers in a row.</param>
    /// <param name="deviation">The deviation of the first numbers; PyTorch has 1, BERT and GPT 0.02.</param>
    /// <param name="seed">Decides the first numbers.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
    public Embedding(int count, int size, float deviation = 0.02f, ulong seed = 0, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        Weight = AddParameter("weight", Initial.Normal(seed, Initial.Count(count, size), deviation), count, size);
    }

    /// <summary><c>[count, size]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>Takes rows of the table.</summary>
    /// <param name="indices">Which, row-major.</param>
    /// <param name="lengths">The shape of the indices, such as <c>[batch, length]</c>.</param>
    /// <param name="tape">The tape to record on; null for none.</param>
    /// <returns><c>[lengths, size]</c>.</returns>
    /// <exception cref="ArgumentException">The shape does not fit the indices, or an index is beyond the table.</exception>
    public Variable Forward(ReadOnlySpan<int> indices, ReadOnlySpan<nint> lengths, Tape? tape = null) =>
        Differentiable.Embed(Weight, indices, lengths, tape);
}
