using System.Runtime.CompilerServices;

namespace Attention.Numerics;

/// <summary>
/// Philox-4x32-10: random numbers as a function of a counter and a key, so that any of them can be had again, in any order
/// and on any thread. Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
/// </summary>
internal static class Philox
{
    internal const int Rounds = 10;
    internal const uint Multiplier0 = 0xD2511F53;
    internal const uint Multiplier1 = 0xCD9E8D57;

    /// <summary>What the first half of the key grows by in each round: the golden ratio.</summary>
    internal const uint Weyl0 = 0x9E3779B9;

    /// <summary>What the second half of the key grows by in each round: sqrt(3) - 1.</summary>
    internal const uint Weyl1 = 0xBB67AE85;

    /// <summary>Four random words.</summary>
    /// <param name="word0">The first word of the counter; replaced by the first random word.</param>
    /// <param name="word1">The second word, likewise.</param>
    /// <param name="word2">The third word, likewise.</param>
    /// <param name="word3">The fourth word, likewise.</param>
    /// <param name="key">The key, its lower half first.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Generate(ref uint word0, ref uint word1, ref uint word2, ref uint word3, ulong key)
    {
        uint key0 = (uint)key;
        uint key1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * word0;
            ulong product1 = (ulong)Multiplier1 * word2;
            word0 = (uint)(product1 >> 32) ^ word1 ^ key0;
            word1 = (uint)product1;
            word2 = (uint)(product0 >> 32) ^ word3 ^ key1;
            word3 = (uint)product0;
            key0 += Weyl0;
            key1 += Weyl1;
        }
    }
}
