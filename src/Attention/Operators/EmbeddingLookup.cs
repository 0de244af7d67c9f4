using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Rows of a table by their numbers, and the gradient of the table.</summary>
/// <remarks>
/// Rows that are asked for several times get the sum of their gradients, added in the order of the indices: the bits do not
/// depend on the number of threads. Nothing is allocated.
/// </remarks>
public static unsafe class EmbeddingLookup
{
    /// <summary>Columns of a table that one thread adds to: it alone, so that the order of the indices is kept.</summary>
    private const nint BackwardColumns = 64;

    /// <summary>Computes <c>output[i] = table[indices[i]]</c>.</summary>
    /// <param name="table">The rows, <c>[count, size]</c>, their elements side by side.</param>
    /// <param name="indices">Which rows, each in [0, count).</param>
    /// <param name="output">Receives the rows, <c>[indices.Length, size]</c>.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// An index lies outside of the table, or <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit; the last axis of a tensor is not contiguous; the elements of the output overlap each other; or
    /// the output overlaps the table.
    /// </exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> table, ReadOnlySpan<int> indices, in TensorSpan<float> output, int maxDegreeOfParallelism = 0)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        Guard.Layout(table, 2, nameof(table), "[count, size]");
        Guard.Shape(output, [indices.Length, table.Lengths[1]], nameof(output), "[indices.Length, size]");
        OperatorCheck.Written(output, nameof(output));
        Guard.Disjoint(output, nameof(output), table, nameof(table));
        Indices(indices, table.Lengths[0], nameof(table));
        if (output.FlattenedLength == 0)
        {
            return;
        }

        fixed (float* tableAddress = table, outputAddress = output)
        fixed (int* indexAddress = indices)
        {
            PanelCut cut = new(indices.Length, table.Lengths[1], table.Lengths[1], PanelCut.PieceElements);
            Gather gather = new(tableAddress, table.Strides[0], indexAddress, outputAddress, output.Strides[0], cut);
            WorkerTeam.Run(gather, cut.Count, WidthJobs.Threads(output.FlattenedLength, maxDegreeOfParallelism));
        }
    }

    /// <summary>
    /// Computes <c>tableGradient = beta tableGradient</c>, then <c>tableGradient[indices[i]] += outputGradient[i]</c> for each i in
    /// order.
    /// </summary>
    /// <param name="indices">As in <c>Forward</c>.</param>
    /// <param name="outputGradient">The gradient of the output, <c>[indices.Length, size]</c>.</param>
    /// <param name="tableGradient">Receives the gradient of the table, <c>[count, size]</c>.</param>
    /// <param name="beta">
    /// The factor on what <paramref name="tableGradient"/> held; with zero it is not read. The default, 1, leaves all rows
    /// alone that no index names.
    /// </param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// An index lies outside of the table, or <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit; the last axis of a tensor is not contiguous; the elements of the table's gradient overlap each
    /// other; or it overlaps the output's gradient.
    /// </exception>
    public static void Backward(
        ReadOnlySpan<int> indices,
        in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> tableGradient,
        float beta = 1,
        int maxDegreeOfParallelism = 0) =>
        Backward(indices, outputGradient, tableGradient, beta, maxDegreeOfParallelism, SimdWidth.Automatic);

    internal static void Backward(
        ReadOnlySpan<int> indices,
        in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> tableGradient,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        Guard.Layout(tableGradient, 2, nameof(tableGradient), "[count, size]");
        Guard.Shape(outputGradient, [indices.Length, tableGradient.Lengths[1]], nameof(outputGradient), "[indices.Length, size]");
        OperatorCheck.Written(tableGradient, nameof(tableGradient));
        Guard.Disjoint(tableGradient, nameof(tableGradient), outputGradient, nameof(outputGradient));
        Indices(indices, tableGradient.Lengths[0], nameof(tableGradient));
        if (beta == 0f)
        {
            Elementwise.Fill(tableGradient, 0f, maxDegreeOfParallelism, width);
        }
        else if (beta != 1f)
        {
            Elementwise.Accumulate(tableGradient, tableGradient, beta, 0f, maxDegreeOfParallelism, width);
        }

        if (outputGradient.FlattenedLength == 0)
        {
            return;
        }

        fixed (float* sourceAddress = outputGradient, tableAddress = tableGradient)
        fixed (int* indexAddress = indices)
        {
            WidthJobs.Run(width, new ScatterJob(
                new RowScatter
                {
                    Source = sourceAddress,
                    SourceStride = outputGradient.Strides[0],
                    Indices = indexAddress,
                    Count = indices.Length,
                    Table = tableAddress,
                    TableStride = tableGradient.Strides[0],
                    Columns = tableGradient.Lengths[1],
                },
                WidthJobs.Threads(outputGradient.FlattenedLength, maxDegreeOfParallelism)));
        }
    }

    private static void Indices(ReadOnlySpan<int> indices, nint count, string table)
    {
        for (int i = 0; i < indices.Length; i++)
        {
            if ((uint)indices[i] >= (nuint)count)
            {
                Throw.OutOfRange(
                    nameof(indices), indices[i], $"'{nameof(indices)}' has {indices[i]} at {i}; '{table}' has rows 0 to {count - 1}.");
            }
        }
    }

    private readonly struct Gather(float* table, nint tableStride, int* indices, float* output, nint outputStride, in PanelCut cut)
        : IParallelAction
    {
        private readonly PanelCut _cut = cut;

        public void Invoke(int index)
        {
            (nint row, nint rowEnd, _, nint columns) = _cut.At(index);
            for (; row < rowEnd; row++)
            {
                long bytes = columns * sizeof(float);
                Buffer.MemoryCopy(table + indices[row] * tableStride, output + row * outputStride, bytes, bytes);
            }
        }
    }

    private struct RowScatter
    {
        internal float* Source;
        internal nint SourceStride;
        internal int* Indices;
        internal nint Count;
        internal float* Table;
        internal nint TableStride;
        internal nint Columns;
    }

    private readonly struct ScatterJob(in RowScatter problem, int threads) : IWidthJob
    {
        private readonly RowScatter _problem = problem;

        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(
                new Scatter<TSimd, TVector>(_problem), checked((int)PanelCut.Blocks(_problem.Columns, BackwardColumns)), threads);
    }

    /// <summary>Adds all rows, but only some columns of them.</summary>
    private readonly struct Scatter<TSimd, TVector>(in RowScatter problem) : IParallelAction
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        private readonly RowScatter _problem = problem;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int index)
        {
            nint first = index * BackwardColumns;
            nint count = Math.Min(BackwardColumns, _problem.Columns - first);
            for (nint row = 0; row < _problem.Count; row++)
            {
                float* source = _problem.Source + row * _problem.SourceStride + first;
                float* destination = _problem.Table + _problem.Indices[row] * _problem.TableStride + first;
                nint column = 0;
                for (; column <= count - TSimd.Count; column += TSimd.Count)
                {
                    TSimd.Store(TSimd.Add(TSimd.Load(destination + column), TSimd.Load(source + column)), destination + column);
                }

                for (; column < count; column++)
                {
                    destination[column] += source[column];
                }
            }
        }
    }
}
