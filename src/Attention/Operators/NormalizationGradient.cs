using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>
/// The gradients of a block of rows: those of the input to their place, those of weight and bias as sums over the block, to
/// be added up in the order of the blocks.
/// </summary>
/// <remarks>Of the axes, the first operand is the input, the second the output's gradient, the third the input's gradient.</remarks>
internal readonly unsafe struct NormalizationGradient<TSimd, TVector>(in NormalizationGradientProblem problem) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly NormalizationGradientProblem _problem = problem;

    public void Invoke(int index)
    {
        nint row = index * _problem.BlockRows;
        nint end = Math.Min(row + _problem.BlockRows, _problem.Axes.Rows);
        nint columns = _problem.Axes.Columns;
        float* weightSums = _problem.WeightSums == null ? null : _problem.WeightSums + index * columns;
        float* biasSums = _problem.BiasSums == null ? null : _problem.BiasSums + index * columns;
        Clear(weightSums, columns);
        Clear(biasSums, columns);
        while (row < end)
        {
            Panel panel = _problem.Axes.Locate(row, end - row, 0, columns);
            for (nint panelRow = 0; panelRow < panel.Rows; panelRow++)
            {
                float* input = panel.First.At(panelRow, 0);
                float* gradient = panel.Second.At(panelRow, 0);
                float* destination = panel.Third.Address == null ? null : panel.Third.At(panelRow, 0);
                Row(input, gradient, destination, weightSums, biasSums, columns);
            }

            row += panel.Rows;
        }
    }

    private static void Clear(float* sums, nint count)
    {
        if (sums != null)
        {
            new Span<float>(sums, (int)count).Clear();
        }
    }

    private void Row(float* input, float* gradient, float* destination, float* weightSums, float* biasSums, nint columns)
    {
        RowMoments moments = RowMoments.Of<TSimd, TVector>(_problem.Kind, input, columns, _problem.Epsilon);
        nint whole = columns - columns % TSimd.Count;
        if (weightSums != null || biasSums != null)
        {
            AddParameters<TSimd, TVector>(input, gradient, weightSums, biasSums, 0, whole, moments);
            AddParameters<SimdScalar, float>(input, gradient, weightSums, biasSums, whole, columns, moments);
        }

        if (destination != null)
        {
            float products = Means<TSimd, TVector>(input, gradient, 0, whole, moments, out float sum)
                + Means<SimdScalar, float>(input, gradient, whole, columns, moments, out float restOfSum);
            float meanProduct = products / columns;
            float mean = _problem.Kind == NormalizationKind.Layer ? (sum + restOfSum) / columns : 0f;
            Write<TSimd, TVector>(input, gradient, destination, 0, whole, moments, mean, meanProduct);
            Write<SimdScalar, float>(input, gradient, destination, whole, columns, moments, mean, meanProduct);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddParameters<T, V>(
        float* input, float* gradient, float* weightSums, float* biasSums, nint first, nint end, in RowMoments moments)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V center = T.Create(moments.Center);
        V scale = T.Create(moments.Scale);
        V shift = T.Create(moments.Shift);
        for (nint index = first; index < end; index += T.Count)
        {
            V slope = T.Load(gradient + index);
            if (weightSums != null)
            {
                V value = T.MultiplyAdd(T.Subtract(T.Load(input + index), center), scale, shift);
                T.Store(T.MultiplyAdd(slope, value, T.Load(weightSums + index)), weightSums + index);
            }

            if (biasSums != null)
            {
                T.Store(T.Add(slope, T.Load(biasSums + index)), biasSums + index);
            }
        }
    }

    /// <summary>The sums of g n and of g.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Means<T, V>(float* input, float* gradient, nint first, nint end, in RowMoments moments, out float sum)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V center = T.Create(moments.Center);
        V scale = T.Create(moments.Scale);
        V shift = T.Create(moments.Shift);
        V products = T.Zero;
        V sums = T.Zero;
        for (nint index = first; index < end; index += T.Count)
        {
            V value = T.MultiplyAdd(T.Subtract(T.Load(input + index), center), scale, shift);
            V slope = Weighted<T, V>(gradient, index);
            products = T.MultiplyAdd(slope, value, products);
            sums = T.Add(sums, slope);
        }

        sum = T.Sum(sums);
        return T.Sum(products);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Write<T, V>(
        float* input, float* gradient, float* destination, nint first, nint end, in RowMoments moments, float mean, float meanProduct)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V center = T.Create(moments.Center);
        V scale = T.Create(moments.Scale);
        V shift = T.Create(moments.Shift);
        V average = T.Create(mean);
        V averageProduct = T.Create(-meanProduct);
        for (nint index = first; index < end; index += T.Count)
        {
            V value = T.MultiplyAdd(T.Subtract(T.Load(input + index), center), scale, shift);
            V slope = T.Subtract(Weighted<T, V>(gradient, index), average);
            slope = T.Multiply(T.MultiplyAdd(value, averageProduct, slope), scale);
            if (_problem.Beta != 0f)
            {
                slope = T.MultiplyAdd(T.Create(_problem.Beta), T.Load(destination + index), slope);
            }

            T.Store(slope, destination + index);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V Weighted<T, V>(float* gradient, nint index)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V slope = T.Load(gradient + index);
        return _problem.Weight == null ? slope : T.Multiply(slope, T.Load(_problem.Weight + index));
    }
}
