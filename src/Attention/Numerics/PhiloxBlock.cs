using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Attention.Numerics;

/// <summary>
/// <see cref="Philox"/> for four counters at a time whose first words follow each other: sixteen random words, in order.
/// </summary>
internal readonly struct PhiloxBlock
{
    /// <summary>Random words in a block.</summary>
    internal const int Count = 16;

    private PhiloxBlock(Vector256<uint> lower, Vector256<uint> upper)
    {
        Lower = lower;
        Upper = upper;
    }

    /// <summary>The words of the first two counters.</summary>
    internal Vector256<uint> Lower { get; }

    /// <summary>The words of the other two.</summary>
    internal Vector256<uint> Upper { get; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static PhiloxBlock Generate(uint firstWord0, uint counter1, uint counter2, uint counter3, ulong key)
    {
        // Each word sits in the lower half of 64 bits, where the multiplication reads it; what the upper half holds does
        // not matter. The counters are in the order 0, 2, 1, 3, so that Interleave, which works within 128 bits, brings
        // the words into theirs.
        Vector256<ulong> word0 = Vector256.Create(firstWord0, firstWord0 + 2UL, firstWord0 + 1UL, firstWord0 + 3UL);
        Vector256<ulong> word1 = Vector256.Create((ulong)counter1);
        Vector256<ulong> word2 = Vector256.Create((ulong)counter2);
        Vector256<ulong> word3 = Vector256.Create((ulong)counter3);
        Vector256<ulong> multiplier0 = Vector256.Create((ulong)Philox.Multiplier0);
        Vector256<ulong> multiplier1 = Vector256.Create((ulong)Philox.Multiplier1);
        Vector256<ulong> key0 = Vector256.Create(key);
        Vector256<ulong> key1 = Vector256.Create(key >> 32);
        Vector256<ulong> weyl0 = Vector256.Create((ulong)Philox.Weyl0);
        Vector256<ulong> weyl1 = Vector256.Create((ulong)Philox.Weyl1);
        for (int round = 0; round < Philox.Rounds; round++)
        {
            Vector256<ulong> product0 = MultiplyLowerHalves(word0, multiplier0);
            Vector256<ulong> product1 = MultiplyLowerHalves(word2, multiplier1);
            word0 = (product1 >> 32) ^ word1 ^ key0;
            word1 = product1;
            word2 = (product0 >> 32) ^ word3 ^ key1;
            word3 = product0;
            key0 += weyl0;
            key1 += weyl1;
        }

        Vector256<ulong> lowerHalf = Vector256.Create((ulong)uint.MaxValue);
        Vector256<ulong> words01 = Vector256.ConditionalSelect(lowerHalf, word0, word1 << 32);
        Vector256<ulong> words23 = Vector256.ConditionalSelect(lowerHalf, word2, word3 << 32);
        return Interleave(words01, words23);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> MultiplyLowerHalves(Vector256<ulong> left, Vector256<ulong> right) =>
        Avx2.IsSupported
            ? Avx2.Multiply(left.AsUInt32(), right.AsUInt32())
            : Vector256.Create(
                MultiplyLowerHalves(left.GetLower(), right.GetLower()),
                MultiplyLowerHalves(left.GetUpper(), right.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> MultiplyLowerHalves(Vector128<ulong> left, Vector128<ulong> right) =>
        Sse2.IsSupported
            ? Sse2.Multiply(left.AsUInt32(), right.AsUInt32())
            : (left & Vector128.Create((ulong)uint.MaxValue)) * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static PhiloxBlock Interleave(Vector256<ulong> left, Vector256<ulong> right)
    {
        if (Avx2.IsSupported)
        {
            return new PhiloxBlock(Avx2.UnpackLow(left, right).AsUInt32(), Avx2.UnpackHigh(left, right).AsUInt32());
        }

        Vector128<ulong> left0 = left.GetLower(), left1 = left.GetUpper();
        Vector128<ulong> right0 = right.GetLower(), right1 = right.GetUpper();
        return new PhiloxBlock(
            Vector256.Create(
                Vector128.Create(left0.GetLower(), right0.GetLower()), Vector128.Create(left1.GetLower(), right1.GetLower())).AsUInt32(),
            Vector256.Create(
                Vector128.Create(left0.GetUpper(), right0.GetUpper()), Vector128.Create(left1.GetUpper(), right1.GetUpper())).AsUInt32());
    }
}
