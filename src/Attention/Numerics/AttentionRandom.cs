using Attention.Simd;

namespace Attention.Numerics;

/// <summary>
/// Random numbers of attention besides dropout: functions of seed, batch, head, query and key alone, so that no tiling and no
/// number of threads changes them.
/// </summary>
internal static unsafe class AttentionRandom
{
    private const int WordsPerCounter = 4;

    /// <summary>Sets the counters of rows apart from those of dropout, whose last word is a batch, -2 or -1.</summary>
    private const uint RowDomain = 0xFFFF_FFFD;

    /// <summary>Noise has a number for every key, as dropout has: another key of the generator keeps the two apart.</summary>
    private const ulong NoiseDomain = 0x6A09_E667_F3BC_C908;

    /// <summary>The number of a row, evenly spread over [0, 1): a multiple of 2^-53, so that small weights have their chance.</summary>
    internal static double Uniform(ulong seed, int batch, int head, int query)
    {
        (uint word0, uint word1, uint word2, uint word3) = ((uint)query, (uint)head, (uint)batch, RowDomain);
        Philox.Generate(ref word0, ref word1, ref word2, ref word3, seed);
        return ((word0 >> 5) * 67108864.0 + (word1 >> 6)) * (1.0 / (1L << 53));
    }

    /// <summary>
    /// Gumbel noise of one query: -ln(-ln u) with u evenly spread over (0, 1), between -2.8 and 16.7. The largest of scores with
    /// this noise is a sample of their softmax.
    /// </summary>
    /// <param name="seed">The seed.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="head">The head.</param>
    /// <param name="query">The query.</param>
    /// <param name="count">How many keys, from key 0 on; whole vectors.</param>
    /// <param name="destination">The noise, [count].</param>
    internal static void FillGumbel<TSimd, TVector>(ulong seed, int batch, int head, int query, int count, float* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        uint* words = stackalloc uint[WordsPerCounter];
        for (int key = 0; key < count; key++)
        {
            if (key % WordsPerCounter == 0)
            {
                (words[0], words[1], words[2], words[3]) = ((uint)(key / WordsPerCounter), (uint)query, (uint)head, (uint)batch);
                Philox.Generate(ref words[0], ref words[1], ref words[2], ref words[3], seed ^ NoiseDomain);
            }

            // 23 bits and a half: exact in a float, and neither 0 nor 1.
            destination[key] = ((words[key % WordsPerCounter] >> 9) + 0.5f) * (1f / (1 << 23));
        }

        for (int key = 0; key < count; key += TSimd.Count)
        {
            TVector exponential = TSimd.Subtract(TSimd.Zero, VectorMath.Log<TSimd, TVector>(TSimd.Load(destination + key)));
            TSimd.Store(TSimd.Subtract(TSimd.Zero, VectorMath.Log<TSimd, TVector>(exponential)), destination + key);
        }
    }
}
