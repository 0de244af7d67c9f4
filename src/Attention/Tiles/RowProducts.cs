using Attention.Gemm;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>The three products of a tile of query rows whose weights lie in memory as whole rows.</summary>
internal static unsafe class RowProducts
{
    /// <summary><c>destination[query, i] = left[query] . right[i]</c>.</summary>
    internal static void MultiplyByRows<TSimd, TVector>(
        float* left, nint leftStride, int queries, float* right, nint rightStride, int count, int size, float* destination, int destinationStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        GemmKernel.Multiply<TSimd, TVector>(
            new GemmProblem
            {
                Rows = queries,
                Columns = count,
                Depth = size,
                Left = left,
                LeftRow = leftStride,
                LeftColumn = 1,
                Right = right,
                RightRow = 1,
                RightColumn = rightStride,
                Destination = destination,
                DestinationRow = destinationStride,
                DestinationColumn = 1,
                Alpha = 1,
            },
            threads: 1);

    /// <summary><c>destination[query] = sum weights[query, i] right[i] + beta destination[query]</c>; a weight of zero selects away.</summary>
    internal static void WeighRows<TSimd, TVector>(
        float* weights, int weightStride, int queries, int count, float* right, nint rightStride, int size,
        float* destination, nint destinationStride, float beta)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        SelectiveProduct.Multiply<TSimd, TVector>(new GemmProblem
        {
            Rows = queries,
            Columns = size,
            Depth = count,
            Left = weights,
            LeftRow = weightStride,
            LeftColumn = 1,
            Right = right,
            RightRow = rightStride,
            RightColumn = 1,
            Destination = destination,
            DestinationRow = destinationStride,
            DestinationColumn = 1,
            Alpha = 1,
            Beta = beta,
        });

    /// <summary><c>destination[i] += sum over the queries of weights[query, i] right[query]</c>; a weight of zero selects away.</summary>
    internal static void AddWeighed<TSimd, TVector>(
        float* weights, int weightStride, int queries, int count, float* right, nint rightStride, int size,
        float* destination, nint destinationStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        SelectiveProduct.Multiply<TSimd, TVector>(new GemmProblem
        {
            Rows = count,
            Columns = size,
            Depth = queries,
            Left = weights,
            LeftRow = 1,
            LeftColumn = weightStride,
            Right = right,
            RightRow = rightStride,
            RightColumn = 1,
            Destination = destination,
            DestinationRow = destinationStride,
            DestinationColumn = 1,
            Alpha = 1,
            Beta = 1,
        });
}
