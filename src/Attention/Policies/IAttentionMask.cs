namespace Attention.Policies;

/// <summary>
/// Which keys a query may attend to. Implement it as a struct: the kernels are compiled for it, with the same tiling,
/// vectors and threads as for the masks of the library.
/// </summary>
/// <remarks>
/// <see cref="Allows"/> is the definition; <see cref="Cover"/> and <see cref="KeyBounds"/> let a kernel skip what the mask
/// hides and pay nothing where it hides nothing. They may be cautious (<see cref="TileCoverage.Mixed"/>, wide bounds) but
/// must not lie: a validator compares all three. In packed calls <c>batch</c> is the sequence, and queries
/// and keys count from its start.
/// </remarks>
public interface IAttentionMask
{
    /// <summary>
    /// True if the keys that a query may attend to are always exactly the run that <see cref="KeyBounds"/> gives for that
    /// query alone, without gaps; kernels then compare bounds instead of asking pair by pair. False unless overridden.
    /// </summary>
    static virtual bool IsInterval => false;

    /// <summary>
    /// Throws where <paramref name="mask"/> was built for other sizes than those of a call, before the call writes
    /// anything. Does nothing unless overridden.
    /// </summary>
    /// <typeparam name="TMask">Always the implementing type itself.</typeparam>
    /// <param name="mask">The mask of the call.</param>
    /// <param name="batch">The batch elements, or the sequences of a packed call.</param>
    /// <param name="heads">The query heads.</param>
    /// <param name="queryLength">The queries; in a packed call those of the longest sequence.</param>
    /// <param name="keyLength">The keys; in a packed call those of the longest sequence.</param>
    /// <exception cref="ArgumentException">The mask does not fit; its parameter is named <c>mask</c>.</exception>
    static virtual void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask
    {
    }

    /// <summary>Says whether <paramref name="query"/> may attend to <paramref name="key"/>.</summary>
    /// <param name="batch">The batch element, or the sequence of a packed call.</param>
    /// <param name="head">The query head.</param>
    /// <param name="query">The query, from 0.</param>
    /// <param name="key">The key, from 0.</param>
    /// <returns>True if it may attend.</returns>
    bool Allows(int batch, int head, int query, int key);

    /// <summary>Says how much of a tile is allowed.</summary>
    /// <param name="batch">The batch element, or the sequence of a packed call.</param>
    /// <param name="head">The query head.</param>
    /// <param name="queries">The queries of the tile; never empty.</param>
    /// <param name="keys">The keys of the tile; never empty.</param>
    /// <returns><see cref="TileCoverage.Mixed"/> where it is not sure.</returns>
    TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys);

    /// <summary>Gives a run of keys outside of which no query of <paramref name="queries"/> may attend.</summary>
    /// <param name="batch">The batch element, or the sequence of a packed call.</param>
    /// <param name="head">The query head.</param>
    /// <param name="queries">The queries; never empty.</param>
    /// <param name="keyLength">How many keys there are.</param>
    /// <returns>A run inside [0, <paramref name="keyLength"/>); empty where nothing is allowed.</returns>
    IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength);
}
