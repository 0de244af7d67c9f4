using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>A step of AdamW: operands are parameter, gradient, first moment and second moment.</summary>
internal readonly unsafe struct AdamKernel : IPanelKernel
{
    private readonly float _keptParameter;
    private readonly float _gradientScale;
    private readonly float _beta1;
    private readonly float _beta2;
    private readonly float _rest1;
    private readonly float _rest2;
    private readonly float _rate;
    private readonly float _rootScale;
    private readonly float _epsilon;

    internal AdamKernel(in AdamStep step)
    {
        // The corrections in double: for a large beta and the first steps they are differences of numbers close to 1.
        double correction1 = 1 - Math.Pow(step.Beta1, step.Step);
        double correction2 = 1 - Math.Pow(step.Beta2, step.Step);
        _keptParameter = (float)(1 - (double)step.LearningRate * step.WeightDecay);
        _gradientScale = step.GradientScale;
        _beta1 = step.Beta1;
        _beta2 = step.Beta2;
        _rest1 = 1f - step.Beta1;
        _rest2 = 1f - step.Beta2;
        _rate = (float)(-step.LearningRate / correction1);
        _rootScale = (float)(1 / Math.Sqrt(correction2));
        _epsilon = step.Epsilon;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke<TSimd, TVector>(in Panel panel)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        bool isContiguous = panel.First.ColumnStride == 1 && panel.Second.ColumnStride == 1
            && panel.Third.ColumnStride == 1 && panel.Fourth.ColumnStride == 1;
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
        float* first = panel.Third.At(row, column);
        float* second = panel.Fourth.At(row, column);
        TVector gradient = TSimd.Multiply(TSimd.Load(panel.Second.At(row, column)), TSimd.Create(_gradientScale));
        TVector mean = TSimd.MultiplyAdd(TSimd.Load(first), TSimd.Create(_beta1), TSimd.Multiply(gradient, TSimd.Create(_rest1)));
        TVector square = TSimd.Multiply(TSimd.Multiply(gradient, gradient), TSimd.Create(_rest2));
        TVector meanSquare = TSimd.MultiplyAdd(TSimd.Load(second), TSimd.Create(_beta2), square);
        TVector root = TSimd.MultiplyAdd(TSimd.Sqrt(meanSquare), TSimd.Create(_rootScale), TSimd.Create(_epsilon));
        TVector move = TSimd.Divide(TSimd.Multiply(mean, TSimd.Create(_rate)), root);
        TSimd.Store(mean, first);
        TSimd.Store(meanSquare, second);
        TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(parameter), TSimd.Create(_keptParameter), move), parameter);
    }
}
