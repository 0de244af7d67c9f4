using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Attention.Gemm;

/// <summary>
/// Copies a strip of a matrix into the order in which the micro-kernel reads it. Both operands take the same form: a panel
/// of <c>width</c> lanes (six rows of A, or a tile's columns of B), the lanes of one step side by side.
/// </summary>
/// <remarks>
/// This moves floats and computes nothing, so it is not written over the vector width: four lanes by four steps are what
/// one shuffle network turns around, at any width.
/// </remarks>
internal static unsafe class PanelPacking
{
    private const int Quad = 4;
    private const int CacheLine = 64 / sizeof(float);

    /// <summary>
    /// How far ahead a copy of whole steps asks for its source: rows of a matrix lie far apart, and there the processor
    /// does not see what comes next.
    /// </summary>
    private const int StepsAhead = 8;

    /// <summary>Whether there are shuffles that turn four lanes by four steps around.</summary>
    internal static bool CanTranspose => Sse.IsSupported || AdvSimd.Arm64.IsSupported;

    /// <summary>
    /// <c>panel[step * width + lane] = source[lane * laneStride + step * stepStride]</c> for <paramref name="depth"/> steps,
    /// and zero for the lanes from <paramref name="lanes"/> to <paramref name="width"/>.
    /// </summary>
    internal static void Pack(
        float* source, nint laneStride, nint stepStride, nint lanes, nint depth, float* panel, nint width)
    {
        if (laneStride == 1)
        {
            CopySteps(source, stepStride, lanes, depth, panel, width);
        }
        else
        {
            nint lane = 0;
            for (; lane + Quad <= lanes; lane += Quad)
            {
                TurnFour(source + lane * laneStride, laneStride, stepStride, depth, panel + lane, width);
            }

            for (; lane + 2 <= lanes; lane += 2)
            {
                TurnTwo(source + lane * laneStride, laneStride, stepStride, depth, panel + lane, width);
            }

            if (lane < lanes)
            {
                TurnOne(source + lane * laneStride, stepStride, depth, panel + lane, width);
            }
        }

        if (lanes < width)
        {
            for (nint step = 0; step < depth; step++)
            {
                new Span<float>(panel + step * width + lanes, (int)(width - lanes)).Clear();
            }
        }
    }

    /// <summary>The lanes of a step lie side by side already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopySteps(float* source, nint stepStride, nint lanes, nint depth, float* panel, nint width)
    {
        nint quads = lanes & ~(nint)(Quad - 1);
        for (nint step = 0; step < depth; step++, source += stepStride, panel += width)
        {
            nint lane = 0;
            for (; lane + CacheLine <= quads; lane += CacheLine)
            {
                Prefetch(source + StepsAhead * stepStride + lane);
                Vector128<float> first = Vector128.Load(source + lane);
                Vector128<float> second = Vector128.Load(source + lane + Quad);
                Vector128<float> third = Vector128.Load(source + lane + 2 * Quad);
                Vector128<float> fourth = Vector128.Load(source + lane + 3 * Quad);
                first.Store(panel + lane);
                second.Store(panel + lane + Quad);
                third.Store(panel + lane + 2 * Quad);
                fourth.Store(panel + lane + 3 * Quad);
            }

            for (; lane < quads; lane += Quad)
            {
                Vector128.Load(source + lane).Store(panel + lane);
            }

            for (; lane < lanes; lane++)
            {
                panel[lane] = source[lane];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TurnFour(float* source, nint laneStride, nint stepStride, nint depth, float* panel, nint width)
    {
        nint step = 0;
        if (stepStride == 1 && CanTranspose)
        {
            for (; step + Quad <= depth; step += Quad)
            {
                if (step % CacheLine == 0)
                {
                    // The same lanes of the next panel.
                    float* next = source + width * laneStride + step;
                    Prefetch(next);
                    Prefetch(next + laneStride);
                    Prefetch(next + 2 * laneStride);
                    Prefetch(next + 3 * laneStride);
                }

                Transpose(source + step, laneStride, panel + step * width, width);
            }
        }

        for (; step < depth; step++)
        {
            float* from = source + step * stepStride;
            float* to = panel + step * width;
            to[0] = from[0];
            to[1] = from[laneStride];
            to[2] = from[2 * laneStride];
            to[3] = from[3 * laneStride];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TurnTwo(float* source, nint laneStride, nint stepStride, nint depth, float* panel, nint width)
    {
        nint step = 0;
        if (stepStride == 1 && CanTranspose)
        {
            for (; step + Quad <= depth; step += Quad)
            {
                Vector128<float> lane0 = Vector128.Load(source + step);
                Vector128<float> lane1 = Vector128.Load(source + laneStride + step);
                Interleave(lane0, lane1, out Vector128<float> low, out Vector128<float> high);
                float* to = panel + step * width;
                Unsafe.WriteUnaligned(to, low.AsUInt64().ToScalar());
                Unsafe.WriteUnaligned(to + width, low.AsUInt64().GetElement(1));
                Unsafe.WriteUnaligned(to + 2 * width, high.AsUInt64().ToScalar());
                Unsafe.WriteUnaligned(to + 3 * width, high.AsUInt64().GetElement(1));
            }
        }

        for (; step < depth; step++)
        {
            panel[step * width] = source[step * stepStride];
            panel[step * width + 1] = source[step * stepStride + laneStride];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TurnOne(float* source, nint stepStride, nint depth, float* panel, nint width)
    {
        for (nint step = 0; step < depth; step++)
        {
            panel[step * width] = source[step * stepStride];
        }
    }

    /// <summary>Four lanes of four steps in, four steps of four lanes out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Transpose(
        Vector128<float> lane0, Vector128<float> lane1, Vector128<float> lane2, Vector128<float> lane3,
        out Vector128<float> step0, out Vector128<float> step1, out Vector128<float> step2, out Vector128<float> step3)
    {
        Interleave(lane0, lane2, out Vector128<float> evenLow, out Vector128<float> evenHigh);
        Interleave(lane1, lane3, out Vector128<float> oddLow, out Vector128<float> oddHigh);
        Interleave(evenLow, oddLow, out step0, out step1);
        Interleave(evenHigh, oddHigh, out step2, out step3);
    }

    /// <summary>Copies four lanes of four steps as four steps of four lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* source, nint laneStride, float* panel, nint width)
    {
        Transpose(
            Vector128.Load(source), Vector128.Load(source + laneStride),
            Vector128.Load(source + 2 * laneStride), Vector128.Load(source + 3 * laneStride),
            out Vector128<float> step0, out Vector128<float> step1, out Vector128<float> step2, out Vector128<float> step3);
        step0.Store(panel);
        step1.Store(panel + width);
        step2.Store(panel + 2 * width);
        step3.Store(panel + 3 * width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>a0 b0 a1 b1 and a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave(Vector128<float> a, Vector128<float> b, out Vector128<float> low, out Vector128<float> high)
    {
        if (Sse.IsSupported)
        {
            low = Sse.UnpackLow(a, b);
            high = Sse.UnpackHigh(a, b);
        }
        else
        {
            low = AdvSimd.Arm64.ZipLow(a, b);
            high = AdvSimd.Arm64.ZipHigh(a, b);
        }
    }
}
