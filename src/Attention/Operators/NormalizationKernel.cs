using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Rows in, normalised rows out: the second operand into the first. A panel holds whole rows.</summary>
internal readonly unsafe struct NormalizationKernel(NormalizationKind kind, float* weight, float* bias, float epsilon) : IPanelKernel
{
    public void Invoke<TSimd, TVector>(in Panel panel)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (nint row = 0; row < panel.Rows; row++)
        {
            float* source = panel.Second.At(row, 0);
            RowMoments moments = RowMoments.Of<TSimd, TVector>(kind, source, panel.Columns, epsilon);
            nint whole = panel.Columns - panel.Columns % TSimd.Count;
            Write<TSimd, TVector>(source, panel.First.At(row, 0), 0, whole, moments);
            Write<SimdScalar, float>(source, panel.First.At(row, 0), whole, panel.Columns, moments);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Write<TSimd, TVector>(float* source, float* destination, nint first, nint end, in RowMoments moments)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector center = TSimd.Create(moments.Center);
        TVector scale = TSimd.Create(moments.Scale);
        TVector shift = TSimd.Create(moments.Shift);
        for (nint index = first; index < end; index += TSimd.Count)
        {
            TVector value = TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(source + index), center), scale, shift);
            if (weight != null)
            {
                value = TSimd.Multiply(value, TSimd.Load(weight + index));
            }

            if (bias != null)
            {
                value = TSimd.Add(value, TSimd.Load(bias + index));
            }

            TSimd.Store(value, destination + index);
        }
    }
}
