using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Attention.Simd;

namespace Attention.Gemm;

/// <summary>
/// A single row times a factor whose columns lie in memory one after the other, as the weights of a linear layer do: what
/// decoding token by token consists of. The factor is read once, in place.
/// </summary>
/// <remarks>
/// Four columns by four steps are turned around in registers, so that every element is one chain of multiply-adds down the
/// depth, like those of the micro-kernel: its bits are those that the row has among others. Four such chains hide the latency of
/// the multiply-adds, and sixteen columns are more streams than the hardware prefetches, so the kernel asks for memory itself.
/// As for packing, four lanes do at any width: memory is the limit.
/// </remarks>
internal static unsafe class RowKernel
{
    /// <summary>Columns that are computed together.</summary>
    internal const int Columns = 16;

    private const int Quad = 4;
    private const int CacheLine = 64 / sizeof(float);

    /// <summary>Computes <c>tile[column] = sum over steps of a[step] b[step, column]</c> for up to sixteen columns.</summary>
    /// <param name="a">The row: step s lies at <c>a[s * aStep]</c>.</param>
    /// <param name="aStep">Distance between steps of the row.</param>
    /// <param name="b">The factor: element (step, column) lies at <c>b[step + column * bColumn]</c>.</param>
    /// <param name="bColumn">Distance between columns.</param>
    /// <param name="columns">How many columns.</param>
    /// <param name="depth">Steps.</param>
    /// <param name="tile">Receives sixteen numbers, of which <paramref name="columns"/> mean something.</param>
    /// <param name="next">The block that will be read next, for as many columns.</param>
    internal static void Multiply(float* a, nint aStep, float* b, nint bColumn, nint columns, nint depth, float* tile, float* next)
    {
        if (columns == Columns)
        {
            Sixteen(a, aStep, b, bColumn, depth, tile, next);
            return;
        }

        for (nint column = 0; column < columns; column += Quad)
        {
            // Columns that are missing are done again, to no effect.
            float* b0 = b + column * bColumn;
            float* b1 = b + Math.Min(column + 1, columns - 1) * bColumn;
            float* b2 = b + Math.Min(column + 2, columns - 1) * bColumn;
            float* b3 = b + Math.Min(column + 3, columns - 1) * bColumn;
            Four(a, aStep, b0, b1, b2, b3, depth).Store(tile + column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Sixteen(float* a, nint aStep, float* b, nint bColumn, nint depth, float* tile, float* next)
    {
        Vector128<float> c0 = default, c1 = default, c2 = default, c3 = default;
        nint two = 2 * bColumn;
        nint three = 3 * bColumn;
        nint four = 4 * bColumn;
        float* upper = b + 2 * four;
        nint step = 0;
        if (PanelPacking.CanTranspose)
        {
            for (; step + Quad <= depth; step += Quad)
            {
                if (Sse.IsSupported)
                {
                    // A line of every column each sixteen steps, four of them each four steps.
                    float* ahead = next + step / Quad % Quad * four + step / CacheLine * CacheLine;
                    Sse.Prefetch0(ahead);
                    Sse.Prefetch0(ahead + bColumn);
                    Sse.Prefetch0(ahead + two);
                    Sse.Prefetch0(ahead + three);
                }

                Vector128<float> a0 = Vector128.Create(a[0]);
                Vector128<float> a1 = Vector128.Create(a[aStep]);
                Vector128<float> a2 = Vector128.Create(a[2 * aStep]);
                Vector128<float> a3 = Vector128.Create(a[3 * aStep]);
                c0 = Block(b, bColumn, two, three, a0, a1, a2, a3, c0);
                c1 = Block(b + four, bColumn, two, three, a0, a1, a2, a3, c1);
                c2 = Block(upper, bColumn, two, three, a0, a1, a2, a3, c2);
                c3 = Block(upper + four, bColumn, two, three, a0, a1, a2, a3, c3);
                a += Quad * aStep;
                b += Quad;
                upper += Quad;
            }
        }

        for (; step < depth; step++, a += aStep, b++, upper++)
        {
            Vector128<float> spread = Vector128.Create(*a);
            c0 = Simd128.MultiplyAdd(spread, Gather(b, b + bColumn, b + two, b + three), c0);
            c1 = Simd128.MultiplyAdd(spread, Gather(b + four, b + four + bColumn, b + four + two, b + four + three), c1);
            c2 = Simd128.MultiplyAdd(spread, Gather(upper, upper + bColumn, upper + two, upper + three), c2);
            c3 = Simd128.MultiplyAdd(spread, Gather(upper + four, upper + four + bColumn, upper + four + two, upper + four + three), c3);
        }

        c0.Store(tile);
        c1.Store(tile + Quad);
        c2.Store(tile + 2 * Quad);
        c3.Store(tile + 3 * Quad);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector128<float> Four(float* a, nint aStep, float* b0, float* b1, float* b2, float* b3, nint depth)
    {
        Vector128<float> sum = default;
        for (nint step = 0; step < depth; step++)
        {
            sum = Simd128.MultiplyAdd(Vector128.Create(a[step * aStep]), Gather(b0 + step, b1 + step, b2 + step, b3 + step), sum);
        }

        return sum;
    }

    /// <summary>Four columns by four steps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Block(
        float* b, nint one, nint two, nint three,
        Vector128<float> a0, Vector128<float> a1, Vector128<float> a2, Vector128<float> a3, Vector128<float> sum)
    {
        PanelPacking.Transpose(
            Vector128.Load(b), Vector128.Load(b + one), Vector128.Load(b + two), Vector128.Load(b + three),
            out Vector128<float> step0, out Vector128<float> step1, out Vector128<float> step2, out Vector128<float> step3);
        sum = Simd128.MultiplyAdd(a0, step0, sum);
        sum = Simd128.MultiplyAdd(a1, step1, sum);
        sum = Simd128.MultiplyAdd(a2, step2, sum);
        return Simd128.MultiplyAdd(a3, step3, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Gather(float* b0, float* b1, float* b2, float* b3) => Vector128.Create(*b0, *b1, *b2, *b3);
}
