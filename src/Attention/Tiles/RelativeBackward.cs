using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The backward pass of relative attention, one lane a piece. A tile's weights are computed again as the forward pass did, so
/// that nothing but the inputs is needed: in go a tile of queries and of the output's gradient, out come its rows of the query's
/// gradient, and what is added to the gradients of keys, values, tables and biases, tile after tile in a fixed order.
/// </summary>
internal readonly unsafe struct RelativeBackward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly RelativeGradientProblem _problem;
    private readonly TMask _mask;
    private readonly LanePlan _plan;
    private readonly float* _sums;
    private readonly Operand _keyParts;
    private readonly Operand _valueParts;

    /// <summary>Describes the work.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="plan">How it is cut.</param>
    /// <param name="sums">Room for the sums of each lane.</param>
    /// <param name="keyParts">Where each part in memory (as batch) sums the gradient of keys.</param>
    /// <param name="valueParts">Where each sums that of values.</param>
    internal RelativeBackward(
        in RelativeGradientProblem problem, in TMask mask, in LanePlan plan, float* sums, in Operand keyParts, in Operand valueParts)
    {
        _problem = problem;
        _mask = mask;
        _plan = plan;
        _sums = sums;
        _keyParts = keyParts;
        _valueParts = valueParts;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        float* memory = _sums + index * _problem.Forward.TableFloats;
        NativeMemory.Clear(memory, (nuint)_problem.Forward.TableFloats * sizeof(float));
        RelativeSums sums = new(_problem.Forward, memory);
        IndexRange units = _plan.UnitsOf(index);
        for (int unit = units.Start; unit < units.End; unit++)
        {
            LanePart part = _plan.Part(index, unit);
            Operand keyGradient = GradientFold<TSimd, TVector>.ClearedPart(_keyParts, part.Memory);
            Operand valueGradient = GradientFold<TSimd, TVector>.ClearedPart(_valueParts, part.Memory);
            for (int tile = part.Tiles.Start; tile < part.Tiles.End; tile++)
            {
                AddTile(_plan.Item(part, tile), sums, keyGradient, valueGradient);
            }

            if (!_plan.IsSpread)
            {
                GradientFold<TSimd, TVector>.AddPart(keyGradient, _problem.KeyGradient, part, attention.KeyLength, attention.HeadSize);
                GradientFold<TSimd, TVector>.AddPart(valueGradient, _problem.ValueGradient, part, attention.KeyLength, attention.ValueSize);
            }
        }
    }

    private void AddTile(in WorkItem item, in RelativeSums sums, in Operand keyGradient, in Operand valueGradient)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        IndexRange keys = _mask.KeyBounds(item.Batch, item.Head, item.Queries, attention.KeyLength);
        if (keys.IsEmpty)
        {
            for (int query = item.Queries.Start; query < item.Queries.End; query++)
            {
                RowOperations.Clear(_problem.QueryGradient.At(item.Batch, item.Head, query), attention.HeadSize);
            }

            return;
        }

        RelativeTile<TSimd, TVector> tile = new(_problem.Forward, item, keys);
        bool drops = attention.Dropout > 0;
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + tile.WeightFloats * (drops ? 2 : 1) + 2 * tile.QueryFloats);
        float* gradients = tile.Place(rental.Memory);
        float* contentGradient = gradients + tile.WeightFloats;
        float* positionGradient = contentGradient + tile.QueryFloats;
        float* kept = drops ? positionGradient + tile.QueryFloats : tile.Weights;
        tile.ComputeWeights(_problem.Forward, _mask, null, 0);
        ComputeScoreGradients(tile, gradients, kept);
        AddValues(tile, kept, sums, valueGradient);
        AddKeys(tile, gradients, contentGradient, positionGradient, sums, keyGradient);
        AddQueries(tile, contentGradient, positionGradient, sums);
    }

    /// <summary>Turns the output's gradient into those of scaled products; leaves the weights that dropout kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ComputeScoreGradients(in RelativeTile<TSimd, TVector> tile, float* gradients, float* kept)
    {
        RelativeProblem forward = _problem.Forward;
        AttentionProblem attention = forward.Attention;
        float* outputGradient = _problem.OutputGradient.At(tile.Batch, tile.Head, tile.Queries.Start);
        tile.MultiplyByRows(
            outputGradient, _problem.OutputGradient.RowStride, attention.Value.At(tile.Batch, tile.Head / attention.GroupSize, tile.Keys.Start),
            attention.Value.RowStride, tile.Keys.Length, attention.ValueSize, gradients, tile.WeightStride);
        if (forward.ValueTable.IsPresent)
        {
            tile.MultiplyByRows(
                outputGradient, _problem.OutputGradient.RowStride, forward.ValueTable.At(0, 0, tile.Window.First), forward.ValueTable.RowStride,
                tile.Window.Count, attention.ValueSize, tile.Entries, tile.EntryStride);
        }

        int count = tile.Keys.Length;
        for (int row = 0; row < tile.Queries.Length; row++)
        {
            int query = tile.Queries.Start + row;
            float* weights = tile.Weights + (nint)row * tile.WeightStride;
            float* gradient = gradients + (nint)row * tile.WeightStride;
            if (forward.ValueTable.IsPresent)
            {
                tile.Window.AddEntries<TSimd, TVector>(tile.Entries + (nint)row * tile.EntryStride, gradient, query);
            }

            if (attention.Dropout > 0)
            {
                float* factors = kept + (nint)row * tile.WeightStride;
                DropoutMask.FillKeep(
                    attention.DropoutSeed, tile.Batch, tile.Head, query, tile.Keys.Start, count, attention.Dropout, factors);
                WeightRow.Drop<TSimd, TVector>(gradient, factors, gradient, count);
                WeightRow.Drop<TSimd, TVector>(weights, factors, factors, count);
            }

            float through = _problem.LogSumExpGradient.IsPresent ? *_problem.LogSumExpGradient.At(tile.Batch, tile.Head, query) : 0;
            through -= WeightRow.Mean<TSimd, TVector>(weights, gradient, count);
            WeightRow.ScoreGradients<TSimd, TVector>(weights, gradient, count, through, attention.Scale);
        }
    }

    private void AddValues(in RelativeTile<TSimd, TVector> tile, float* kept, in RelativeSums sums, in Operand valueGradient)
    {
        int size = _problem.Forward.Attention.ValueSize;
        float* outputGradient = _problem.OutputGradient.At(tile.Batch, tile.Head, tile.Queries.Start);
        nint stride = _problem.OutputGradient.RowStride;
        tile.AddWeighed(
            kept, tile.WeightStride, tile.Keys.Length, outputGradient, stride, size, valueGradient.At(0, 0, tile.Keys.Start), valueGradient.RowStride);
        if (_problem.ValueTableGradient.IsPresent)
        {
            tile.SumEntries(kept);
            tile.AddWeighed(
                tile.Entries, tile.EntryStride, tile.Window.Count, outputGradient, stride, size, sums.ValueTable.At(0, 0, tile.Window.First),
                sums.ValueTable.RowStride);
        }
    }

    private void AddKeys(
        in RelativeTile<TSimd, TVector> tile, float* gradients, float* contentGradient, float* positionGradient, in RelativeSums sums,
        in Operand keyGradient)
    {
        RelativeProblem forward = _problem.Forward;
        AttentionProblem attention = forward.Attention;
        int size = attention.HeadSize;
        tile.AddWeighed(
            gradients, tile.WeightStride, tile.Keys.Length, tile.Content, tile.QueryStride, size, keyGradient.At(0, 0, tile.Keys.Start),
            keyGradient.RowStride);
        tile.WeighRows(
            gradients, tile.WeightStride, tile.Keys.Length, attention.Key.At(tile.Batch, tile.Head / attention.GroupSize, tile.Keys.Start),
            attention.Key.RowStride, size, contentGradient, tile.QueryStride, beta: 0);
        if (!forward.KeyTable.IsPresent)
        {
            new Span<float>(positionGradient, (int)tile.QueryFloats).Clear();
            return;
        }

        tile.SumEntries(gradients);
        tile.WeighRows(
            tile.Entries, tile.EntryStride, tile.Window.Count, forward.KeyTable.At(0, tile.Head, tile.Window.First), forward.KeyTable.RowStride,
            size, positionGradient, tile.QueryStride, beta: 0);
        if (_problem.KeyTableGradient.IsPresent)
        {
            tile.AddWeighed(
                tile.Entries, tile.EntryStride, tile.Window.Count, tile.Position, tile.QueryStride, size,
                sums.KeyTable.At(0, tile.Head, tile.Window.First), sums.KeyTable.RowStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddQueries(in RelativeTile<TSimd, TVector> tile, float* contentGradient, float* positionGradient, in RelativeSums sums)
    {
        int size = _problem.Forward.Attention.HeadSize;
        for (int row = 0; row < tile.Queries.Length; row++)
        {
            float* destination = _problem.QueryGradient.At(tile.Batch, tile.Head, tile.Queries.Start + row);
            float* content = contentGradient + (nint)row * tile.QueryStride;
            float* position = positionGradient + (nint)row * tile.QueryStride;
            RowOperations.Add<TSimd, TVector>(content, sums.ContentBias.At(0, tile.Head, 0), size);
            RowOperations.Add<TSimd, TVector>(position, sums.PositionBias.At(0, tile.Head, 0), size);
            RowOperations.Add<TSimd, TVector>(position, content, size);
            new ReadOnlySpan<float>(content, size).CopyTo(new Span<float>(destination, size));
        }
    }
}
