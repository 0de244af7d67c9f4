using Attention.Policies;

namespace Attention.Tiles;

/// <summary>What a mask hides in a row of energies.</summary>
internal static unsafe class MonotonicRow
{
    /// <summary>Writes negative infinity where the mask hides.</summary>
    internal static void Hide<TMask>(in TMask mask, float* row, int keys, int batch, int head, int query)
        where TMask : struct, IAttentionMask
    {
        IndexRange queries = new(query, query + 1);
        if (TMask.IsInterval)
        {
            IndexRange allowed = mask.KeyBounds(batch, head, queries, keys);
            ScoreRow.Hide(row, 0, Math.Min(allowed.Start, keys));
            ScoreRow.Hide(row, Math.Max(allowed.End, 0), keys);
        }
        else
        {
            ScoreRow.HidePairs(row, 0, keys, mask, batch, head, query, 0);
        }
    }
}
