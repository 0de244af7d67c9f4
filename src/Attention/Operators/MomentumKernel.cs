using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>A step of gradient descent: operands are parameter, gradient and, unless it is null, velocity.</summary>
internal readonly unsafe struct MomentumKernel(
    float learningRate, float momentum, bool nesterov, float weightDecay, float gradientScale) : IPanelKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke<TSimd, TVector>(in Panel panel)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        bool isContiguous = panel.First.ColumnStride == 1 && panel.Second.ColumnStride == 1
            && (panel.Third.Address == null || panel.Third.ColumnStride == 1);
        for (nint row = 0; row < panel.Rows; row++)
        {
            nint column = 0;
            for (; isContiguous && column <= panel.Columns - TSimd.Count; column += TSimd.Count)
            {
                Update<TSimd, TVector>(panel, row, column);
            }

            for (; column < panel.Columns; column++)
            {
                Update<SimdScalar, float>(panel, row, column);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Update<TSimd, TVector>(in Panel panel, nint row, nint column)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float* parameter = panel.First.At(row, column);
        TVector value = TSimd.Load(parameter);
        TVector step = TSimd.Multiply(TSimd.Load(panel.Second.At(row, column)), TSimd.Create(gradientScale));
        step = TSimd.MultiplyAdd(value, TSimd.Create(weightDecay), step);
        if (panel.Third.Address != null)
        {
            float* velocity = panel.Third.At(row, column);
            TVector speed = TSimd.MultiplyAdd(TSimd.Load(velocity), TSimd.Create(momentum), step);
            TSimd.Store(speed, velocity);
            step = nesterov ? TSimd.MultiplyAdd(speed, TSimd.Create(momentum), step) : speed;
        }

        TSimd.Store(TSimd.MultiplyAdd(step, TSimd.Create(-learningRate), value), parameter);
    }
}
