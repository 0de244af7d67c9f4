using Attention.Policies;

namespace Attention.Tests.Policies;

/// <summary>Compares a mask with an independent definition, pair by pair and tile by tile.</summary>
internal static class MaskChecks
{
    /// <summary>Sizes without anything in common: batch, heads, queryLength, keyLength.</summary>
    public static readonly (int Batch, int Heads, int QueryLength, int KeyLength)[] Sizes =
    [
        (2, 3, 7, 11),
        (2, 1, 11, 7),
        (1, 2, 1, 13),
        (1, 1, 5, 1),
        (2, 2, 6, 6),
    ];

    private static readonly int[] s_positions = [0, 1, 2, 1000, int.MaxValue / 2, int.MaxValue - 2, int.MaxValue - 1];

    public static void Agrees<TMask>(in TMask mask, (int Batch, int Heads, int QueryLength, int KeyLength) size, Func<int, int, int, int, bool> definition)
        where TMask : struct, IAttentionMask
    {
        TMask.CheckCall(in mask, size.Batch, size.Heads, size.QueryLength, size.KeyLength);
        for (int batch = 0; batch < size.Batch; batch++)
        {
            for (int head = 0; head < size.Heads; head++)
            {
                for (int query = 0; query < size.QueryLength; query++)
                {
                    for (int key = 0; key < size.KeyLength; key++)
                    {
                        if (mask.Allows(batch, head, query, key) != definition(batch, head, query, key))
                        {
                            Assert.Fail($"{typeof(TMask).Name} is wrong at batch {batch}, head {head}, query {query}, key {key} of {size}.");
                        }
                    }
                }
            }
        }

        MaskValidation validation = MaskValidator.Validate(in mask, size.Batch, size.Heads, size.QueryLength, size.KeyLength);
        validation.IsValid.Should().BeTrue(validation.Message);
    }

    /// <summary>Besides, asks that no tile is called mixed that is not, and that the bounds of every run of queries are tight.</summary>
    public static void AgreesExactly<TMask>(in TMask mask, (int Batch, int Heads, int QueryLength, int KeyLength) size, Func<int, int, int, int, bool> definition)
        where TMask : struct, IAttentionMask
    {
        Agrees(in mask, size, definition);
        for (int batch = 0; batch < size.Batch; batch++)
        {
            for (int head = 0; head < size.Heads; head++)
            {
                foreach (IndexRange queries in RunsOf(size.QueryLength))
                {
                    int[] counts = Counts(queries, size.KeyLength, (query, key) => definition(batch, head, query, key));
                    int first = Array.FindIndex(counts, count => count > 0);
                    IndexRange hull = first < 0 ? IndexRange.Empty : new IndexRange(first, Array.FindLastIndex(counts, count => count > 0) + 1);
                    mask.KeyBounds(batch, head, queries, size.KeyLength).Should().Be(hull, $"the bounds of {queries} are tight");

                    foreach (IndexRange keys in RunsOf(size.KeyLength))
                    {
                        int allowed = 0;
                        foreach (int count in counts.AsSpan(keys.Start, keys.Length))
                        {
                            allowed += count;
                        }

                        TileCoverage exact = allowed == 0 ? TileCoverage.None
                            : allowed == queries.Length * keys.Length ? TileCoverage.Full
                            : TileCoverage.Mixed;
                        TileCoverage said = mask.Cover(batch, head, queries, keys);
                        if (said != exact)
                        {
                            Assert.Fail($"{typeof(TMask).Name} calls queries {queries} by keys {keys} {said}; they are {exact}.");
                        }
                    }
                }
            }
        }
    }

    /// <summary>Asks about pairs at both ends of the integers, where a sum of two of them no longer fits one.</summary>
    public static void AgreesAtExtremes<TMask>(in TMask mask, Func<Int128, Int128, bool> definition)
        where TMask : struct, IAttentionMask
    {
        foreach (int query in s_positions)
        {
            IndexRange queries = new(query, query + 1);
            IndexRange bounds = mask.KeyBounds(0, 0, queries, int.MaxValue);
            bounds.Start.Should().BeGreaterThanOrEqualTo(0);
            foreach (int key in s_positions)
            {
                bool expected = definition(query, key);
                mask.Allows(0, 0, query, key).Should().Be(expected, $"of query {query}, key {key}");
                bounds.Contains(key).Should().Be(expected, $"the bounds of query {query} are {bounds}, key {key}");
                mask.Cover(0, 0, queries, new IndexRange(key, key + 1)).Should().Be(expected ? TileCoverage.Full : TileCoverage.None);
            }
        }

        IndexRange all = new(0, int.MaxValue);
        TileCoverage corner = mask.Cover(0, 0, all, all);
        bool[] answers = [.. s_positions.SelectMany(query => s_positions.Select(key => definition(query, key)))];
        corner.Should().Be(answers.All(answer => answer) ? TileCoverage.Full : answers.Any(answer => answer) ? TileCoverage.Mixed : TileCoverage.None);
    }

    public static IEnumerable<IndexRange> RunsOf(int length) =>
        from start in Enumerable.Range(0, length)
        from end in Enumerable.Range(start + 1, length - start)
        select new IndexRange(start, end);

    private static int[] Counts(IndexRange queries, int keyLength, Func<int, int, bool> definition)
    {
        int[] counts = new int[keyLength];
        for (int query = queries.Start; query < queries.End; query++)
        {
            for (int key = 0; key < keyLength; key++)
            {
                counts[key] += definition(query, key) ? 1 : 0;
            }
        }

        return counts;
    }
}
