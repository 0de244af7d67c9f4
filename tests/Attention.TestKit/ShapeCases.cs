namespace Attention.TestKit;

/// <summary>
/// Shapes that find mistakes: axes of 0 and 1, one below, at and above each vector width and tile size, primes, all axes
/// different, grouped heads, value sizes of their own.
/// </summary>
public static class ShapeCases
{
    /// <summary>Lengths around the vector widths, the six rows of a register tile, and the tiles of keys and queries.</summary>
    public static IReadOnlyList<int> Lengths { get; } = [1, 2, 3, 5, 6, 7, 15, 16, 17, 31, 48, 61, 97, 131, 257];

    /// <summary>Head and value sizes around the vector widths and the usual sizes.</summary>
    public static IReadOnlyList<int> Sizes { get; } = [1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 80, 128, 129, 257];

    /// <summary>Nothing or a single thing along an axis.</summary>
    public static IReadOnlyList<AttentionShape> Edges { get; } =
    [
        new(0, 2, 1, 3, 5, 4, 6),
        new(2, 2, 1, 0, 5, 4, 6),
        new(2, 2, 1, 3, 0, 4, 6),
        new(0, 2, 1, 0, 0, 4, 6),
        new(1, 1, 1, 1, 1, 1, 1),
        new(1, 1, 1, 1, 1, 7, 5),
        new(3, 2, 2, 1, 1, 8, 8),
        new(1, 1, 1, 5, 1, 3, 2),
        new(1, 1, 1, 1, 7, 3, 2),
        new(2, 3, 1, 2, 3, 1, 9),
        new(2, 3, 1, 2, 3, 9, 1),
    ];

    /// <summary>Every axis another number, most of them prime, each size and length at least once; none is large.</summary>
    public static IReadOnlyList<AttentionShape> Ragged { get; } =
    [
        new(2, 3, 1, 5, 7, 11, 13),
        new(1, 4, 2, 6, 5, 15, 3),
        new(2, 2, 2, 7, 6, 16, 17),
        new(1, 6, 3, 17, 31, 8, 4),
        new(3, 2, 1, 13, 16, 17, 7),
        new(1, 1, 1, 16, 48, 32, 31),
        new(1, 2, 1, 31, 97, 33, 9),
        new(2, 1, 1, 61, 15, 64, 65),
        new(1, 3, 3, 48, 61, 80, 32),
        new(1, 2, 2, 97, 131, 7, 128),
        new(1, 2, 1, 15, 257, 128, 80),
        new(1, 1, 1, 131, 17, 129, 15),
        new(1, 8, 1, 3, 61, 31, 33),
        new(1, 1, 1, 2, 97, 257, 129),
        new(1, 1, 1, 3, 31, 65, 257),
        new(1, 2, 1, 257, 2, 9, 8),
        new(2, 5, 5, 1, 131, 4, 16),
    ];

    /// <summary>Several tiles of queries and keys on every axis.</summary>
    public static IReadOnlyList<AttentionShape> Tiles { get; } =
    [
        new(1, 2, 1, 131, 521, 7, 9),
        new(1, 1, 1, 7, 1031, 40, 24),
        new(1, 1, 1, 401, 61, 33, 17),
        new(1, 1, 1, 389, 530, 2, 3),
        new(1, 1, 1, 13, 521, 64, 64),
    ];

    /// <summary>One to five queries against many keys.</summary>
    public static IReadOnlyList<AttentionShape> Decode { get; } =
    [
        new(1, 2, 2, 1, 2053, 33, 32),
        new(2, 8, 2, 1, 1031, 33, 17),
        new(1, 6, 3, 2, 1025, 16, 80),
        new(1, 4, 1, 3, 1543, 15, 15),
        new(1, 2, 1, 5, 3079, 4, 5),
    ];

    /// <summary>A handful for what has been tested over all of them in another combination.</summary>
    public static IReadOnlyList<AttentionShape> Few { get; } = [.. Edges.Skip(2).Take(4), .. Ragged.Take(7)];

    /// <summary>The edges and the ragged ones: every test of a mechanism can afford them.</summary>
    public static IReadOnlyList<AttentionShape> Small { get; } = [.. Edges, .. Ragged];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<AttentionShape> All { get; } = [.. Small, .. Tiles, .. Decode];
}
