using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Memories without the positions that no query may reach. What stands there, such as NaN, must be gone before a memory is projected
/// and summed: the gradient of a matrix sums over all rows, and a weight of zero times NaN is NaN.
/// </summary>
internal static class ReachedPositions
{
    /// <summary>Zeros in the place of positions that the mask hides from all queries; their gradient is zero.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="memory"><c>[batch, keyLength, size]</c>.</param>
    /// <param name="mask">Which positions a query may reach; head 0.</param>
    /// <param name="queryLength">How many queries there are.</param>
    /// <returns>Of the memory's shape.</returns>
    /// <exception cref="ArgumentException">The mask does not fit.</exception>
    internal static Variable Keep<TMask>(Variable memory, in TMask mask, nint queryLength)
        where TMask : struct, IAttentionMask
    {
        (int batch, int length) = ((int)memory.Data.Lengths[0], (int)memory.Data.Lengths[1]);
        nint size = memory.Data.Lengths[2];
        TMask.CheckCall(in mask, batch, 1, (int)queryLength, length);
        bool[] isReached = Find(mask, batch, (int)queryLength, length);
        if (!isReached.Contains(false))
        {
            return memory.Reshape(memory.Data.Lengths);
        }

        // Hidden positions become one more row of zeros, which stands behind each sequence.
        int[] rows = new int[isReached.Length];
        for (int row = 0; row < rows.Length; row++)
        {
            (int sequence, int position) = Math.DivRem(row, length);
            rows[row] = sequence * (length + 1) + (isReached[row] ? position : length);
        }

        using Variable zeros = Variable.Constant(DeviceTensor.Zeros(memory.Data.Backend, batch, 1, size));
        using Variable longer = Differentiable.Concatenate(1, memory, zeros);
        using Variable table = longer.Reshape(-1, size);
        return Differentiable.Embed(table, rows, [batch, length], memory.Tape);
    }

    /// <summary>Whether any query may reach a position, [batch, keyLength].</summary>
    private static bool[] Find<TMask>(in TMask mask, int batch, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask
    {
        bool[] isReached = new bool[batch * keyLength];
        for (int sequence = 0; sequence < batch; sequence++)
        {
            Span<bool> found = isReached.AsSpan(sequence * keyLength, keyLength);
            int missing = keyLength;
            for (int query = 0; query < queryLength && missing > 0; query++)
            {
                IndexRange bounds = mask.KeyBounds(sequence, 0, new IndexRange(query, query + 1), keyLength);
                for (int key = bounds.Start; key < bounds.End; key++)
                {
                    if (!found[key] && (TMask.IsInterval || mask.Allows(sequence, 0, query, key)))
                    {
                        found[key] = true;
                        missing--;
                    }
                }
            }
        }

        return isReached;
    }
}
