using System.Numerics.Tensors;
using Attention.Execution;

namespace Attention.Positions;

/// <summary>
/// Biases that are looked up in a table of a row for each relative position and a column for each head, and the table's
/// gradient. What differs between mechanisms is the grid and which row of the table each place of its line reads.
/// </summary>
internal static unsafe class RelativeTable
{
    internal const string BiasShape = "[heads, queryLength, keyLength]";

    /// <summary>A table or its gradient.</summary>
    internal static void CheckTable(in ReadOnlyTensorSpan<float> table, nint rows, string parameter, string shape)
    {
        Guard.Layout(table, 2, parameter, shape);
        if (table.Lengths[0] != rows)
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(table.Lengths)}; expected {shape} with {rows} rows.");
        }
    }

    /// <summary>A bias or its gradient, whose leading axis of length 1 may be left out.</summary>
    internal static void CheckBias(in ReadOnlyTensorSpan<float> bias, nint heads, string parameter)
    {
        int rank = bias.Rank == 4 ? 4 : 3;
        Guard.Layout(bias, rank, parameter, BiasShape);
        if (bias.Lengths[rank - 3] != heads || (rank == 4 && bias.Lengths[0] != 1))
        {
            Throw.Argument(
                parameter,
                $"'{parameter}' has shape {Guard.Text(bias.Lengths)}; expected {BiasShape} or [1, heads, queryLength, keyLength] with {heads} heads as the table has.");
        }
    }

    /// <summary><c>bias[head, query, key] = table[rowOf[place(query, key)], head]</c>.</summary>
    internal static void Gather(
        in ReadOnlyTensorSpan<float> table, in RelativeGrid grid, int* rowOf, in TensorSpan<float> bias, in PositionOptions options)
    {
        nint heads = table.Lengths[1];
        using Scratch.Rental lines = Scratch.Rent(heads * grid.LineLength);
        fixed (float* tableAddress = table, biasAddress = bias)
        {
            nint rowStride = PositionCheck.Stride(table, 0);
            for (nint place = 0; place < grid.LineLength; place++)
            {
                float* row = tableAddress + rowOf[place] * rowStride;
                for (nint head = 0; head < heads; head++)
                {
                    lines.Memory[head * grid.LineLength + place] = row[head];
                }
            }

            GatherPieces pieces = new(new BiasRows(grid, (int)heads, lines.Memory, biasAddress, bias));
            PieceRunner.Run(pieces, (double)heads * grid.Queries * grid.Keys, options);
        }
    }

    /// <summary><c>tableGradient[row, head] = sum of biasGradient[head, query, key] over the pairs that read the row</c>.</summary>
    internal static void Scatter(
        in ReadOnlyTensorSpan<float> biasGradient, in RelativeGrid grid, int* rowOf, in TensorSpan<float> tableGradient, in PositionOptions options)
    {
        nint heads = tableGradient.Lengths[1];
        nint rows = tableGradient.Lengths[0];
        using Scratch.Rental lines = Scratch.Rent(heads * grid.LineLength);
        using Scratch.Rental sums = Scratch.Rent(2 * rows);
        fixed (float* biasAddress = biasGradient, tableAddress = tableGradient)
        {
            ScatterPieces pieces = new(new BiasRows(grid, (int)heads, lines.Memory, biasAddress, biasGradient));
            PieceRunner.Run(pieces, (double)heads * grid.Queries * grid.Keys, options);

            // A far bucket collects thousands of places: in double their sum is as exact as the terms.
            double* sum = (double*)sums.Memory;
            nint rowStride = PositionCheck.Stride(tableGradient, 0);
            for (nint head = 0; head < heads; head++)
            {
                new Span<double>(sum, (int)rows).Clear();
                for (nint place = 0; place < grid.LineLength; place++)
                {
                    sum[rowOf[place]] += lines.Memory[head * grid.LineLength + place];
                }

                for (nint row = 0; row < rows; row++)
                {
                    tableAddress[row * rowStride + head] = (float)sum[row];
                }
            }
        }
    }
}
