using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Attention.Simd;

namespace Attention.Gemm;

/// <summary>
/// The one inner loop that every matrix product of the library runs through: a tile of six rows by
/// <see cref="Columns{TSimd, TVector}"/> columns, held in registers over the whole depth.
/// </summary>
/// <remarks>
/// Six rows times two vectors are twelve independent chains of fused multiply-adds: more than latency (4) times
/// throughput (2) asks for, and with two vectors of B and one of A they fill the sixteen registers of AVX2. Six times
/// four fill 29 of the 32 registers of AVX-512. Each step loads two (four) vectors and spreads six numbers, so the loads
/// stay below the FMAs. Neither entry may be inlined: in a caller's frame the loop runs out of registers.
/// </remarks>
internal static unsafe class MicroKernel
{
    /// <summary>Rows of the register tile, MR in the words of BLIS.</summary>
    internal const int Rows = 6;

    /// <summary>Columns of the register tile, NR in the words of BLIS.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Columns<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.TileVectors * TSimd.Count;

    /// <summary>
    /// C[6, columns] = A[6, depth] B[depth, columns], or C += AB with <paramref name="accumulate"/>. Every element is one
    /// chain of multiply-adds down the depth, started at zero: bits do not depend on which tile it falls in.
    /// </summary>
    /// <param name="a">Element (row, step) lies at <c>a[row * aRow + step * aStep]</c>: A as stored, or transposed.</param>
    /// <param name="aRow">Distance between rows of A.</param>
    /// <param name="aStep">Distance between steps of A.</param>
    /// <param name="b">A panel of B: step s starts at <c>b[s * bStep]</c> and has all columns side by side.</param>
    /// <param name="bStep">Distance between steps of B.</param>
    /// <param name="depth">Steps.</param>
    /// <param name="c">The tile of C.</param>
    /// <param name="cRow">Distance between rows of C.</param>
    /// <param name="accumulate">Whether to add to what C holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void Multiply<TSimd, TVector>(
        float* a, nint aRow, nint aStep, float* b, nint bStep, nint depth, float* c, nint cRow, bool accumulate)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        Multiply<TSimd, TVector>(a, aRow, aStep, b, bStep, depth, c, cRow, accumulate, prefetch: false, null, 0);

    /// <summary>
    /// The same, asking on the way for memory that a later tile will read: a cache line each step, from
    /// <paramref name="ahead"/> on in strides of <paramref name="aheadStep"/>. Evenly spread over the steps the requests
    /// hide behind the multiply-adds; in one burst they would not.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void MultiplyPrefetching<TSimd, TVector>(
        float* a,
        nint aRow,
        nint aStep,
        float* b,
        nint bStep,
        nint depth,
        float* c,
        nint cRow,
        bool accumulate,
        float* ahead,
        nint aheadStep)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        Multiply<TSimd, TVector>(a, aRow, aStep, b, bStep, depth, c, cRow, accumulate, prefetch: true, ahead, aheadStep);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TSimd, TVector>(
        float* a,
        nint aRow,
        nint aStep,
        float* b,
        nint bStep,
        nint depth,
        float* c,
        nint cRow,
        bool accumulate,
        [ConstantExpected] bool prefetch,
        float* ahead,
        nint aheadStep)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TileRow<TSimd, TVector> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default;
        float* upper = a + 3 * aRow;
        nint aRow2 = 2 * aRow;
        if (!prefetch && aStep == 1)
        {
            // Rows of A side by side in memory need no pointer moved between four steps: a fifth fewer instructions, which
            // counts where two threads share a core.
            for (; depth >= 4; depth -= 4)
            {
                Step(a, upper, aRow, aRow2, TileRow<TSimd, TVector>.Load(b), ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step(a + 1, upper + 1, aRow, aRow2, TileRow<TSimd, TVector>.Load(b + bStep), ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                b += 2 * bStep;
                Step(a + 2, upper + 2, aRow, aRow2, TileRow<TSimd, TVector>.Load(b), ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step(a + 3, upper + 3, aRow, aRow2, TileRow<TSimd, TVector>.Load(b + bStep), ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                b += 2 * bStep;
                a += 4;
                upper += 4;
            }
        }

        for (; depth > 0; depth--)
        {
            Step(a, upper, aRow, aRow2, TileRow<TSimd, TVector>.Load(b), ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            a += aStep;
            upper += aStep;
            b += bStep;
            if (prefetch && Sse.IsSupported)
            {
                Sse.Prefetch1(ahead);
                ahead += aheadStep;
            }
        }

        if (accumulate)
        {
            c0.AddTo(c);
            c1.AddTo(c + cRow);
            c2.AddTo(c + 2 * cRow);
            c3.AddTo(c + 3 * cRow);
            c4.AddTo(c + 4 * cRow);
            c5.AddTo(c + 5 * cRow);
        }
        else
        {
            c0.Store(c);
            c1.Store(c + cRow);
            c2.Store(c + 2 * cRow);
            c3.Store(c + 3 * cRow);
            c4.Store(c + 4 * cRow);
            c5.Store(c + 5 * cRow);
        }
    }

    /// <summary>One step down the depth: each of the six rows adds its number of A times the row of B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TSimd, TVector>(
        float* a,
        float* upper,
        nint aRow,
        nint aRow2,
        in TileRow<TSimd, TVector> row,
        ref TileRow<TSimd, TVector> c0,
        ref TileRow<TSimd, TVector> c1,
        ref TileRow<TSimd, TVector> c2,
        ref TileRow<TSimd, TVector> c3,
        ref TileRow<TSimd, TVector> c4,
        ref TileRow<TSimd, TVector> c5)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        c0.MultiplyAdd(a, row);
        c1.MultiplyAdd(a + aRow, row);
        c2.MultiplyAdd(a + aRow2, row);
        c3.MultiplyAdd(upper, row);
        c4.MultiplyAdd(upper + aRow, row);
        c5.MultiplyAdd(upper + aRow2, row);
    }
}
