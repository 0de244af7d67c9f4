using Attention.Autodiff;
using Attention.Backends;
using Attention.Positions;

namespace Attention.Layers;

/// <summary>
/// The learned relative position bias of T5: a number for each head and bucket of distances, added to the scores (Raffel et al.
/// 2020, section 2.1); see <see cref="RelativePositionBias"/>. Parameter: <c>weight [buckets, heads]</c>.
/// </summary>
/// <remarks>
/// One such layer serves all attention layers of a stack: their gradients add up. T5 does not divide scores by the root of the
/// head size: give <see cref="MultiHeadAttentionOptions.Scale"/> 1 to layers that load its weights.
/// </remarks>
public sealed class RelativeBias : Layer
{
    private readonly RelativeBuckets _buckets;
    private readonly int _heads;

    /// <summary>Creates a layer.</summary>
    /// <param name="buckets">Which row of the table a distance reads.</param>
    /// <param name="heads">The heads of the attention.</param>
    /// <param name="deviation">The deviation of the first numbers; T5 has one over the root of the model size.</param>
    /// <param name="seed">Decides the first numbers.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="buckets"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="heads"/> is not positive.</exception>
    public RelativeBias(RelativeBuckets buckets, int heads, float deviation = 0.02f, ulong seed = 0, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(buckets);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        _buckets = buckets;
        _heads = heads;
        Weight = AddParameter("weight", Initial.Normal(seed, checked(buckets.Count * heads), deviation), buckets.Count, heads);
    }

    /// <summary><c>[buckets, heads]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>Looks the bias of every query and key up.</summary>
    /// <param name="queryLength">How many queries.</param>
    /// <param name="keyLength">How many keys.</param>
    /// <param name="offset">The key that stands beside query 0; with a cache, how many keys were there before the queries.</param>
    /// <param name="tape">The tape to record on; null for none.</param>
    /// <returns><c>[1, heads, queryLength, keyLength]</c>, the bias of <see cref="MultiHeadAttention"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A length is not positive.</exception>
    public Variable Forward(int queryLength, int keyLength, int offset = 0, Tape? tape = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queryLength);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(keyLength);
        int[] rows = new int[checked(queryLength * keyLength)];
        for (int query = 0; query < queryLength; query++)
        {
            for (int key = 0; key < keyLength; key++)
            {
                rows[query * keyLength + key] = _buckets.Bucket((long)key - query - offset);
            }
        }

        return PairBias.Look(Weight, rows, _heads, queryLength, keyLength, tape);
    }
}
