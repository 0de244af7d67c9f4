using System.Runtime.CompilerServices;

namespace Attention.Numerics;

/// <summary>The largest numbers of a row.</summary>
internal static unsafe class RowSelection
{
    /// <summary>Copies a row but for what is not among its largest numbers, which becomes negative infinity.</summary>
    /// <param name="source">The row, [count], without NaN.</param>
    /// <param name="destination">Overwritten, [count]; other memory than the source.</param>
    /// <param name="count">How many numbers there are.</param>
    /// <param name="kept">How many are kept, fewer than there are; of equal numbers the first.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void KeepLargest(float* source, float* destination, int count, int kept)
    {
        // The largest numbers so far form a heap with the least of them on top: most others need one comparison. It lies in
        // the destination until the least of the kept numbers is known.
        new ReadOnlySpan<float>(source, kept).CopyTo(new Span<float>(destination, kept));
        for (int i = kept / 2 - 1; i >= 0; i--)
        {
            Sink(destination, kept, i);
        }

        for (int i = kept; i < count; i++)
        {
            if (source[i] > destination[0])
            {
                destination[0] = source[i];
                Sink(destination, kept, 0);
            }
        }

        float least = destination[0];
        int equal = 0;
        for (int i = 0; i < kept; i++)
        {
            equal += destination[i] == least ? 1 : 0;
        }

        for (int i = 0; i < count; i++)
        {
            bool isKept = source[i] > least || (source[i] == least && equal-- > 0);
            destination[i] = isKept ? source[i] : float.NegativeInfinity;
        }
    }

    /// <summary>Moves a number down until none below it is less.</summary>
    private static void Sink(float* heap, int count, int index)
    {
        float moved = heap[index];
        while (true)
        {
            int child = 2 * index + 1;
            if (child >= count)
            {
                break;
            }

            child += child + 1 < count && heap[child + 1] < heap[child] ? 1 : 0;
            if (!(heap[child] < moved))
            {
                break;
            }

            heap[index] = heap[child];
            index = child;
        }

        heap[index] = moved;
    }
}
