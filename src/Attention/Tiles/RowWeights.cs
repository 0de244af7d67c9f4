using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Turns one row of scores that lies in memory as a whole into weights.</summary>
internal static unsafe class RowWeights
{
    /// <summary>Hides what the mask hides and normalises the rest in place; hidden weights are zero, whatever the row is.</summary>
    /// <param name="row">The scores of the keys, one after the other.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="batch">The batch element.</param>
    /// <param name="head">The head.</param>
    /// <param name="query">The query.</param>
    /// <param name="keys">The keys that the row has.</param>
    /// <param name="keyLength">Keys of the whole problem.</param>
    /// <param name="isFull">Whether the query may attend to all of them.</param>
    /// <returns>The log-sum-exp.</returns>
    internal static float Normalize<TSimd, TVector, TMask>(
        float* row, in TMask mask, int batch, int head, int query, IndexRange keys, int keyLength, bool isFull)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
    {
        if (!isFull)
        {
            Hide(row, mask, batch, head, query, keys, keyLength);
        }

        float normaliser = RowSoftmax.Forward<TSimd, TVector>(row, row, keys.Length);
        if (float.IsNaN(normaliser))
        {
            // The row is NaN, but not what its mask hides: that must not reach the gradients of hidden keys.
            for (int column = 0; column < keys.Length; column++)
            {
                row[column] = mask.Allows(batch, head, query, keys.Start + column) ? row[column] : 0;
            }
        }

        return normaliser;
    }

    private static void Hide<TMask>(float* row, in TMask mask, int batch, int head, int query, IndexRange keys, int keyLength)
        where TMask : struct, IAttentionMask
    {
        if (TMask.IsInterval)
        {
            IndexRange allowed = mask.KeyBounds(batch, head, new IndexRange(query, query + 1), keyLength);
            ScoreRow.Hide(row, 0, Math.Min(allowed.Start - keys.Start, keys.Length));
            ScoreRow.Hide(row, Math.Max(allowed.End - keys.Start, 0), keys.Length);
        }
        else
        {
            ScoreRow.HidePairs(row, 0, keys.Length, mask, batch, head, query, keys.Start);
        }
    }
}
