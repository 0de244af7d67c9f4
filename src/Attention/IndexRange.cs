namespace Attention;

/// <summary>A run of indices: <paramref name="Start"/> up to, not including, <paramref name="End"/>.</summary>
/// <param name="Start">The first index.</param>
/// <param name="End">One past the last index; not above <paramref name="Start"/> means the run is empty.</param>
public readonly record struct IndexRange(int Start, int End)
{
    /// <summary>The empty run at zero.</summary>
    public static IndexRange Empty => default;

    /// <summary>How many indices there are; never negative.</summary>
    public int Length => Math.Max(0, End - Start);

    /// <summary>Whether there is no index at all.</summary>
    public bool IsEmpty => End <= Start;

    /// <summary>Says whether <paramref name="index"/> is one of them.</summary>
    /// <param name="index">The index asked about.</param>
    /// <returns>True from <see cref="Start"/> up to, not including, <see cref="End"/>.</returns>
    public bool Contains(int index) => index >= Start && index < End;

    /// <summary>Says whether every index of <paramref name="other"/> is one of them; an empty run is in any.</summary>
    /// <param name="other">The run asked about.</param>
    /// <returns>True where <paramref name="other"/> is empty or lies inside.</returns>
    public bool Contains(IndexRange other) => other.IsEmpty || (other.Start >= Start && other.End <= End);

    /// <summary>The indices in both runs.</summary>
    /// <param name="other">The other run.</param>
    /// <returns>Their intersection, possibly empty.</returns>
    public IndexRange Intersect(IndexRange other) => new(Math.Max(Start, other.Start), Math.Min(End, other.End));
}
