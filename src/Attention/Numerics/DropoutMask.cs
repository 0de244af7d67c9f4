using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Attention.Numerics;

/// <summary>
/// Which attention weights dropout keeps: a function of seed, batch, head, query and key alone, so that forward, backward
/// and any tiling agree.
/// </summary>
/// <remarks>
/// The key's decision is word <c>key mod 4</c> of <see cref="Philox"/> with the counter
/// <c>(key / 4, query, head, batch)</c>, keyed by the seed; it is dropped where the word is below <c>dropout * 2^32</c>.
/// </remarks>
internal static unsafe class DropoutMask
{
    private const int WordsPerCounter = 4;

    /// <summary>The batch of elements that have numbers: no batch of attention, which is not negative, nor that of random numbers, -1.</summary>
    private const int ElementBatch = -2;

    /// <summary>
    /// Writes the factors of the weights of one query: 0 for what is dropped and 1 / (1 - <paramref name="dropout"/>) for
    /// what is kept.
    /// </summary>
    /// <param name="seed">The seed.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="head">The head.</param>
    /// <param name="query">The query.</param>
    /// <param name="firstKey">The first key.</param>
    /// <param name="count">How many keys.</param>
    /// <param name="dropout">The probability of being dropped, in [0, 1].</param>
    /// <param name="destination">The factors, [count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FillKeep(
        ulong seed, int batch, int head, int query, int firstKey, int count, float dropout, float* destination)
    {
        Debug.Assert(dropout is >= 0f and <= 1f, "Options are checked at the public boundary.");
        if (dropout == 1f)
        {
            new Span<float>(destination, count).Clear();
            return;
        }

        uint threshold = (uint)(dropout * 4294967296.0);
        float keep = 1f / (1f - dropout);
        int done = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            done = Math.Min(-firstKey & (WordsPerCounter - 1), count);
            FillOneByOne(seed, batch, head, query, firstKey, done, threshold, keep, destination);
            Vector256<uint> thresholds = Vector256.Create(threshold);
            Vector256<uint> keeps = Vector256.Create(keep).AsUInt32();
            for (; done <= count - PhiloxBlock.Count; done += PhiloxBlock.Count)
            {
                uint counter = (uint)(firstKey + done) / WordsPerCounter;
                PhiloxBlock words = PhiloxBlock.Generate(counter, (uint)query, (uint)head, (uint)batch, seed);
                (Vector256.GreaterThanOrEqual(words.Lower, thresholds) & keeps).AsSingle().Store(destination + done);
                (Vector256.GreaterThanOrEqual(words.Upper, thresholds) & keeps).AsSingle().Store(destination + done + 8);
            }
        }

        FillOneByOne(seed, batch, head, query, firstKey + done, count - done, threshold, keep, destination + done);
    }

    /// <summary>
    /// Writes the factors of elements that have numbers instead of places, as <see cref="FillKeep"/> does: the upper bits of
    /// a number stand for the query, and a batch that attention never has sets them apart.
    /// </summary>
    /// <param name="seed">The seed.</param>
    /// <param name="firstElement">The number of the first element, at least 0.</param>
    /// <param name="count">How many elements.</param>
    /// <param name="dropout">The probability of being dropped, in [0, 1].</param>
    /// <param name="destination">The factors, [count].</param>
    internal static void FillKeepOfElements(ulong seed, long firstElement, int count, float dropout, float* destination)
    {
        while (count > 0)
        {
            int lower = (int)(firstElement & int.MaxValue);
            int length = (int)Math.Min(count, (1L << 31) - lower);
            FillKeep(seed, ElementBatch, head: 0, (int)(firstElement >> 31), lower, length, dropout, destination);
            firstElement += length;
            count -= length;
            destination += length;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FillOneByOne(
        ulong seed, int batch, int head, int query, int firstKey, int count, uint threshold, float keep, float* destination)
    {
        uint* words = stackalloc uint[WordsPerCounter];
        for (int index = 0; index < count;)
        {
            words[0] = (uint)(firstKey + index) / WordsPerCounter;
            words[1] = (uint)query;
            words[2] = (uint)head;
            words[3] = (uint)batch;
            Philox.Generate(ref words[0], ref words[1], ref words[2], ref words[3], seed);
            int word = (firstKey + index) & (WordsPerCounter - 1);
            for (; word < WordsPerCounter && index < count; word++, index++)
            {
                destination[index] = words[word] >= threshold ? keep : 0f;
            }
        }
    }
}
