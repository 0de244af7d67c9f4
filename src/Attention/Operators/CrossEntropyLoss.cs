using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>The losses of some rows.</summary>
internal readonly unsafe struct CrossEntropyLoss<TSimd, TVector>(in CrossEntropyProblem problem, in PanelCut cut) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly CrossEntropyProblem _problem = problem;
    private readonly PanelCut _cut = cut;

    public void Invoke(int index)
    {
        (nint row, nint rowEnd, _, _) = _cut.At(index);
        for (; row < rowEnd; row++)
        {
            int target = _problem.Targets[row];
            _problem.Losses[row] = target == CrossEntropy.Ignored ? 0f : OfRow(_problem.Logits + row * _problem.LogitsStride, target);
        }
    }

    /// <summary>
    /// With s = sum(exp(x - max)): log(s) - q (x - max), summed over the classes. Differences from the maximum alone, so that
    /// large scores do not cost the digits of the loss.
    /// </summary>
    private float OfRow(float* row, int target)
    {
        nint classes = _problem.Classes;
        float max = Reductions.Max<TSimd, TVector>(row, classes);

        // A row of negative infinities has no softmax: the loss is NaN, as are a row with NaN and one with infinity.
        nint whole = classes - classes % TSimd.Count;
        float sum = Exponentials<TSimd, TVector>(row, 0, whole, max, out float differences)
            + Exponentials<SimdScalar, float>(row, whole, classes, max, out float restOfDifferences);
        float loss = VectorMath.Log<SimdScalar, float>(sum);
        if (_problem.TargetShare != 0f)
        {
            loss -= _problem.TargetShare * (row[target] - max);
        }

        return _problem.ClassShare == 0f ? loss : loss - _problem.ClassShare * (differences + restOfDifferences);
    }

    /// <summary>The sum of exp(x - max), and that of x - max.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Exponentials<T, V>(float* row, nint first, nint end, float max, out float differences)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V subtrahend = T.Create(max);
        V scale = T.Create(VectorMath.Log2E);
        V lowest = T.Create(VectorMath.LowestDifference(VectorMath.Log2E));
        V sum = T.Zero;
        V differenceSum = T.Zero;
        for (nint index = first; index < end; index += T.Count)
        {
            V difference = T.Subtract(T.Load(row + index), subtrahend);
            sum = T.Add(sum, VectorMath.ExpScaledOfNonPositive<T, V>(difference, scale, lowest));
            differenceSum = T.Add(differenceSum, difference);
        }

        differences = T.Sum(differenceSum);
        return T.Sum(sum);
    }
}
