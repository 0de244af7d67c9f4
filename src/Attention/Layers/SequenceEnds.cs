using Attention.Caching;

namespace Attention.Layers;

/// <summary>Where sequences end before a call adds to them: new positions go on there, and a call that fails goes back there.</summary>
internal static class SequenceEnds
{
    internal static int[] Of(KvCache cache, ReadOnlySpan<int> sequences)
    {
        int[] ends = new int[sequences.Length];
        for (int i = 0; i < ends.Length; i++)
        {
            ends[i] = cache.Length(sequences[i]);
        }

        return ends;
    }

    /// <summary>The positions of <paramref name="length"/> new tokens of every sequence.</summary>
    internal static int[] Positions(ReadOnlySpan<int> ends, int length)
    {
        int[] positions = new int[ends.Length * length];
        for (int i = 0; i < positions.Length; i++)
        {
            positions[i] = ends[i / length] + i % length;
        }

        return positions;
    }

    /// <summary>Takes back what was appended since. Every kind of cache can do that for the tokens appended last.</summary>
    internal static void Restore(KvCache cache, ReadOnlySpan<int> sequences, ReadOnlySpan<int> ends)
    {
        for (int i = 0; i < ends.Length; i++)
        {
            cache.Trim(sequences[i], ends[i]);
        }
    }
}
