namespace Attention.Layers;

/// <summary>The sizes of a <see cref="MonotonicAttentionLayer"/>, and what else can be chosen.</summary>
public sealed record MonotonicAttentionOptions
{
    /// <summary>Numbers of a query.</summary>
    public required int QuerySize { get; init; }

    /// <summary>Numbers of a position of the memory.</summary>
    public required int MemorySize { get; init; }

    /// <summary>Numbers of what queries and memory are projected to; the units inside of the tanh where energies are additive.</summary>
    public required int EnergySize { get; init; }

    /// <summary>How queries and memory are compared, for stopping and within chunks alike.</summary>
    public MonotonicEnergy Energy { get; init; }

    /// <summary>Keys of a chunk; 1 attends to the key alone at which the scan stops.</summary>
    public int ChunkWidth { get; init; } = 1;

    /// <summary>
    /// What the learned offset of the energies begins with. Negative, so that a scan looks far ahead at first (Raffel et al. 2017,
    /// section 2.4.2): the longer the memory, the more so.
    /// </summary>
    public float InitialOffset { get; init; } = -4;

    /// <summary>
    /// The standard deviation of the noise that is added to energies under a tape that trains, which teaches them to be far from
    /// zero, where soft and hard attention agree (section 2.4.1). 0 for none.
    /// </summary>
    public float Noise { get; init; } = 1;

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }
}
