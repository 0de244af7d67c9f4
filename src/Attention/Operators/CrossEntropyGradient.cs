using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>The gradients of some rows of scores.</summary>
internal readonly unsafe struct CrossEntropyGradient<TSimd, TVector>(in CrossEntropyProblem problem, in PanelCut cut) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly CrossEntropyProblem _problem = problem;
    private readonly PanelCut _cut = cut;

    public void Invoke(int index)
    {
        (nint row, nint rowEnd, _, nint classes) = _cut.At(index);
        nint whole = classes - classes % TSimd.Count;
        using Scratch.Rental weights = Scratch.Rent(classes);
        for (; row < rowEnd; row++)
        {
            float* destination = _problem.Gradient + row * _problem.GradientStride;
            int target = _problem.Targets[row];
            float slope = 0f;
            float share = 0f;
            if (target == CrossEntropy.Ignored)
            {
                new Span<float>(weights.Memory, (int)classes).Clear();
            }
            else
            {
                float logSumExp = RowSoftmax.Forward<TSimd, TVector>(
                    _problem.Logits + row * _problem.LogitsStride, weights.Memory, classes);
                weights.Memory[target] -= _problem.TargetShare;

                // A row of negative infinities has weights of 0 but no softmax: its gradient is NaN, as its loss is.
                slope = logSumExp == float.NegativeInfinity ? float.NaN : _problem.Losses[row];
                share = _problem.ClassShare;
            }

            Write<TSimd, TVector>(weights.Memory, destination, 0, whole, slope, share);
            Write<SimdScalar, float>(weights.Memory, destination, whole, classes, slope, share);
        }
    }

    /// <summary><c>destination = slope (weights - share) + beta destination</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Write<T, V>(float* weights, float* destination, nint first, nint end, float slope, float share)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V factor = T.Create(slope);
        V subtrahend = T.Create(share);
        for (nint index = first; index < end; index += T.Count)
        {
            V value = T.Multiply(factor, T.Subtract(T.Load(weights + index), subtrahend));
            if (_problem.Beta != 0f)
            {
                value = T.MultiplyAdd(T.Create(_problem.Beta), T.Load(destination + index), value);
            }

            T.Store(value, destination + index);
        }
    }
}
