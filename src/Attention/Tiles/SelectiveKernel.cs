using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The micro-kernel's product for operands with NaN or infinity in them: a weight of zero selects its row of B away
/// instead of multiplying it, since 0 x NaN would let a hidden key speak. Slow, exact, and rarely needed.
/// </summary>
internal static unsafe class SelectiveKernel
{
    /// <summary>C += AB as the micro-kernel computes it (same chains, same bits where all is finite), skipping zeros of A.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Multiply<TSimd, TVector>(
        float* a, nint aRow, nint aStep, float* b, nint bStep, int depth, float* c, nint cRow, int rows)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int columns = Gemm.MicroKernel.Columns<TSimd, TVector>();
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column += TSimd.Count)
            {
                TVector sum = TSimd.Zero;
                for (int step = 0; step < depth; step++)
                {
                    float factor = a[row * aRow + step * aStep];
                    if (factor != 0)
                    {
                        sum = TSimd.MultiplyAdd(TSimd.Create(factor), TSimd.Load(b + step * bStep + column), sum);
                    }
                }

                float* destination = c + row * cRow + column;
                TSimd.Store(TSimd.Add(TSimd.Load(destination), sum), destination);
            }
        }
    }
}
