namespace Attention.Policies;

/// <summary>
/// Compares what a mask says about tiles (<see cref="IAttentionMask.Cover"/>, <see cref="IAttentionMask.KeyBounds"/>,
/// <see cref="IAttentionMask.IsInterval"/>) with what it says about pairs (<see cref="IAttentionMask.Allows"/>). Run it in a
/// test over every mask you write: a kernel believes the tiles and cannot notice that they lie.
/// </summary>
public static class MaskValidator
{
    // Up to here every pair is asked; above, rectangles in the corners, along the diagonals and anywhere.
    private const long MostPairs = 1L << 20;

    // Up to here, over all heads together, every tile is asked; above, a sample.
    private const long MostTiles = 1L << 21;

    private const int MostHeads = 16;
    private const int SampledTiles = 4096;
    private const int SampledRuns = 1024;
    private const int RegionQueries = 128;
    private const int RegionKeys = 512;
    private const int RandomRegions = 6;

    // Sides that kernels use, their neighbours, and small ones.
    private static readonly int[] s_sides =
        [1, 2, 3, 4, 5, 6, 8, 12, 16, 17, 24, 32, 47, 48, 49, 63, 64, 65, 96, 128, 192, 256, 480, 512];

    /// <summary>
    /// Compares, for every tile where there are few of them and for a fixed sample of many shapes and places otherwise.
    /// </summary>
    /// <typeparam name="TMask">The mask.</typeparam>
    /// <param name="mask">The mask.</param>
    /// <param name="batch">The batch elements to ask about.</param>
    /// <param name="heads">The query heads to ask about.</param>
    /// <param name="queryLength">The queries.</param>
    /// <param name="keyLength">The keys.</param>
    /// <returns>Whether all agreed, and if not the first contradiction in words. The same every time.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="ArgumentException">The mask was built for other sizes.</exception>
    public static MaskValidation Validate<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(heads);
        ArgumentOutOfRangeException.ThrowIfNegative(queryLength);
        ArgumentOutOfRangeException.ThrowIfNegative(keyLength);
        TMask.CheckCall(in mask, batch, heads, queryLength, keyLength);

        long tiles = 0;
        Random random = new(20170612);
        if (queryLength > 0 && keyLength > 0)
        {
            long budget = MostTiles / Math.Max(1, Math.Min((long)batch * heads, MostHeads));
            foreach ((int element, int head) in Heads(batch, heads, random))
            {
                foreach ((IndexRange queries, IndexRange keys) in Regions(queryLength, keyLength, random))
                {
                    AllowedPairs pairs = AllowedPairs.Read(in mask, element, head, queries, keys);
                    string? lie = CheckBounds(in mask, pairs, keyLength, random)
                        ?? CheckTiles(in mask, pairs, budget, random, ref tiles);
                    if (lie is not null)
                    {
                        return new MaskValidation(false, lie);
                    }
                }
            }
        }

        return new MaskValidation(true, $"Cover, KeyBounds and IsInterval agreed with Allows over {tiles} tiles.");
    }

    private static IEnumerable<(int Batch, int Head)> Heads(int batch, int heads, Random random)
    {
        long count = (long)batch * heads;
        for (long index = 0; index < Math.Min(count, MostHeads); index++)
        {
            long chosen = count <= MostHeads || index == 0 ? index
                : index == 1 ? count - 1
                : random.NextInt64(count);
            yield return ((int)(chosen / heads), (int)(chosen % heads));
        }
    }

    private static IEnumerable<(IndexRange Queries, IndexRange Keys)> Regions(int queryLength, int keyLength, Random random)
    {
        if ((long)queryLength * keyLength <= MostPairs)
        {
            yield return (new IndexRange(0, queryLength), new IndexRange(0, keyLength));
            yield break;
        }

        (int queries, int keys) = (Math.Min(queryLength, RegionQueries), Math.Min(keyLength, RegionKeys));
        (int lastQuery, int lastKey) = (queryLength - queries, keyLength - keys);
        foreach ((int query, int key) in new[] { (0, 0), (0, lastKey), (lastQuery, 0), (lastQuery, lastKey) })
        {
            yield return (new IndexRange(query, query + queries), new IndexRange(key, key + keys));
        }

        for (int index = 0; index < RandomRegions; index++)
        {
            // Anywhere, on the diagonal from the top left, on the one from the bottom right.
            int query = random.Next(lastQuery + 1);
            long key = (index % 3) switch
            {
                0 => random.Next(lastKey + 1),
                1 => query,
                _ => (long)query + keyLength - queryLength,
            };
            int start = (int)Math.Clamp(key - (keys / 2), 0, lastKey);
            yield return (new IndexRange(query, query + queries), new IndexRange(start, start + keys));
        }

        // A few whole rows, for the bounds.
        int rows = (int)Math.Clamp(MostPairs / keyLength, 1, Math.Min(queryLength, 8));
        int columns = (int)Math.Min(keyLength, MostPairs);
        int first = random.Next(queryLength - rows + 1);
        yield return (new IndexRange(first, first + rows), new IndexRange(keyLength - columns, keyLength));
    }

    private static string? CheckBounds<TMask>(in TMask mask, AllowedPairs pairs, int keyLength, Random random)
        where TMask : struct, IAttentionMask
    {
        IndexRange queries = pairs.Queries;
        for (int query = queries.Start; query < queries.End; query++)
        {
            // Kernels also ask about the keys up to the end of a block alone.
            IndexRange one = new(query, query + 1);
            string? lie = CheckBounds(in mask, pairs, one, keyLength)
                ?? CheckBounds(in mask, pairs, one, random.Next(keyLength) + 1);
            if (lie is not null)
            {
                return lie;
            }
        }

        if ((long)queries.Length * (queries.Length + 1) / 2 <= SampledRuns)
        {
            for (int start = queries.Start; start < queries.End; start++)
            {
                for (int end = start + 2; end <= queries.End; end++)
                {
                    if (CheckBounds(in mask, pairs, new IndexRange(start, end), keyLength) is string lie)
                    {
                        return lie;
                    }
                }
            }

            return null;
        }

        for (int sample = 0; sample < SampledRuns; sample++)
        {
            if (CheckBounds(in mask, pairs, sample == 0 ? queries : Sample(queries, random), keyLength) is string lie)
            {
                return lie;
            }
        }

        return null;
    }

    private static string? CheckBounds<TMask>(in TMask mask, AllowedPairs pairs, IndexRange queries, int keyLength)
        where TMask : struct, IAttentionMask
    {
        IndexRange bounds = mask.KeyBounds(pairs.Batch, pairs.Head, queries, keyLength);
        string Said() =>
            $"KeyBounds(batch {pairs.Batch}, head {pairs.Head}, queries {Text(queries)}, keyLength {keyLength}) "
            + $"said {Text(bounds)}, but ";
        if (!bounds.IsEmpty && (bounds.Start < 0 || bounds.End > keyLength))
        {
            return $"{Said()}there are only the keys [0, {keyLength}).";
        }

        IndexRange before = bounds.IsEmpty ? pairs.Keys : new IndexRange(0, bounds.Start);
        IndexRange after = bounds.IsEmpty ? IndexRange.Empty : new IndexRange(bounds.End, keyLength);
        IndexRange keys = pairs.Keys.Intersect(new IndexRange(0, keyLength));
        foreach (IndexRange outside in (ReadOnlySpan<IndexRange>)[before.Intersect(keys), after.Intersect(keys)])
        {
            if (pairs.Count(queries, outside) != 0)
            {
                return $"{Said()}{Pair(pairs, queries, outside, allowed: true)}.";
            }
        }

        IndexRange inside = bounds.Intersect(keys);
        return TMask.IsInterval && queries.Length == 1 && pairs.Count(queries, inside) != inside.Length
            ? $"{Said()}{Pair(pairs, queries, inside, allowed: false)}, though IsInterval promises a run without gaps."
            : null;
    }

    private static string? CheckTiles<TMask>(in TMask mask, AllowedPairs pairs, long budget, Random random, ref long tiles)
        where TMask : struct, IAttentionMask
    {
        (IndexRange queries, IndexRange keys) = (pairs.Queries, pairs.Keys);
        double count = (double)queries.Length * (queries.Length + 1) * keys.Length * (keys.Length + 1) / 4;
        if (count > budget)
        {
            for (int sample = 0; sample < SampledTiles; sample++)
            {
                tiles++;
                if (CheckTile(in mask, pairs, Sample(queries, random), Sample(keys, random)) is string lie)
                {
                    return lie;
                }
            }

            return null;
        }

        for (int query = queries.Start; query < queries.End; query++)
        {
            for (int queryEnd = query + 1; queryEnd <= queries.End; queryEnd++)
            {
                for (int key = keys.Start; key < keys.End; key++)
                {
                    for (int keyEnd = key + 1; keyEnd <= keys.End; keyEnd++)
                    {
                        tiles++;
                        if (CheckTile(in mask, pairs, new IndexRange(query, queryEnd), new IndexRange(key, keyEnd)) is string lie)
                        {
                            return lie;
                        }
                    }
                }
            }
        }

        return null;
    }

    private static string? CheckTile<TMask>(in TMask mask, AllowedPairs pairs, IndexRange queries, IndexRange keys)
        where TMask : struct, IAttentionMask
    {
        TileCoverage coverage = mask.Cover(pairs.Batch, pairs.Head, queries, keys);
        if (coverage == TileCoverage.Mixed)
        {
            return null;
        }

        bool full = coverage == TileCoverage.Full;
        int allowed = pairs.Count(queries, keys);
        return allowed == (full ? queries.Length * keys.Length : 0)
            ? null
            : $"Cover(batch {pairs.Batch}, head {pairs.Head}, queries {Text(queries)}, keys {Text(keys)}) said {coverage}, but "
                + $"{Pair(pairs, queries, keys, allowed: !full)}.";
    }

    /// <summary>A run of one of the usual lengths (or all), half of the time at a multiple of its length.</summary>
    private static IndexRange Sample(IndexRange range, Random random)
    {
        int side = random.Next(16) == 0 ? range.Length : Math.Min(range.Length, s_sides[random.Next(s_sides.Length)]);
        int start = range.Start + random.Next(range.Length - side + 1);
        if (random.Next(2) == 0)
        {
            start = Math.Max(range.Start, start / side * side);
        }

        return new IndexRange(start, start + side);
    }

    private static string Pair(AllowedPairs pairs, IndexRange queries, IndexRange keys, bool allowed)
    {
        (int query, int key) = pairs.Find(queries, keys, allowed);
        return $"Allows(batch {pairs.Batch}, head {pairs.Head}, query {query}, key {key}) is {(allowed ? "true" : "false")}";
    }

    private static string Text(IndexRange range) => $"[{range.Start}, {range.End})";
}
