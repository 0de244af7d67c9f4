using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The backward pass of additive attention, one lane a piece. A tile's weights are computed again as the forward pass did: in go
/// a tile of queries and of the output's gradient, out come its rows of the query's gradient, and what is added to the gradients
/// of keys, values and score vector, tile after tile in a fixed order.
/// </summary>
internal readonly unsafe struct AdditiveBackward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly AdditiveGradientProblem _problem;
    private readonly TMask _mask;
    private readonly RelativePlan _plan;
    private readonly float* _vectorSums;
    private readonly Operand _keyParts;
    private readonly Operand _valueParts;

    /// <summary>Describes the work.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="plan">How it is cut.</param>
    /// <param name="vectorSums">Room for each lane's gradient of the score vector.</param>
    /// <param name="keyParts">Where each part in memory (as batch) sums the gradient of keys.</param>
    /// <param name="valueParts">Where each sums that of values.</param>
    internal AdditiveBackward(
        in AdditiveGradientProblem problem, in TMask mask, in RelativePlan plan, float* vectorSums, in Operand keyParts, in Operand valueParts)
    {
        _problem = problem;
        _mask = mask;
        _plan = plan;
        _vectorSums = vectorSums;
        _keyParts = keyParts;
        _valueParts = valueParts;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        float* vectorSums = _vectorSums + (nint)index * attention.HeadSize;
        RowOperations.Clear(vectorSums, attention.HeadSize);
        IndexRange units = _plan.UnitsOf(index);
        for (int unit = units.Start; unit < units.End; unit++)
        {
            int part = unit % _plan.Parts;
            int keyHead = unit / _plan.Parts % attention.KeyValueHeads;
            int batch = unit / _plan.Parts / attention.KeyValueHeads;
            int memory = _plan.IsSpread ? unit : index;
            float* keyGradient = _keyParts.At(memory, 0, 0);
            float* valueGradient = _valueParts.At(memory, 0, 0);
            NativeMemory.Clear(keyGradient, (nuint)_keyParts.BatchStride * sizeof(float));
            NativeMemory.Clear(valueGradient, (nuint)_valueParts.BatchStride * sizeof(float));
            IndexRange tiles = _plan.TilesOf(part);
            for (int tile = tiles.Start; tile < tiles.End; tile++)
            {
                int head = keyHead * attention.GroupSize + tile / _plan.TilesPerHead;
                int start = tile % _plan.TilesPerHead * AdditiveTile<TSimd, TVector>.MostRows;
                IndexRange queries = new(start, Math.Min(start + AdditiveTile<TSimd, TVector>.MostRows, attention.QueryLength));
                AddTile(new WorkItem(batch, head, queries), keyGradient, valueGradient, vectorSums);
            }

            if (!_plan.IsSpread)
            {
                AddPart(keyGradient, _problem.KeyGradient, batch, keyHead, attention.HeadSize, part == 0);
                AddPart(valueGradient, _problem.ValueGradient, batch, keyHead, attention.ValueSize, part == 0);
            }
        }
    }

    /// <summary>Adds a part to the gradient of its key head, as the parts that are spread are folded: zero, first part, second part.</summary>
    private void AddPart(float* part, in Operand gradient, int batch, int keyHead, int size, bool isFirst)
    {
        for (int key = 0; key < _problem.Forward.Attention.KeyLength && gradient.IsPresent; key++, part += size)
        {
            float* destination = gradient.At(batch, keyHead, key);
            if (isFirst)
            {
                RowOperations.Clear(destination, size);
            }

            RowOperations.Add<TSimd, TVector>(part, destination, size);
        }
    }

    private void AddTile(in WorkItem item, float* keyGradient, float* valueGradient, float* vectorSums)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        int size = attention.HeadSize;
        IndexRange keys = _mask.KeyBounds(item.Batch, item.Head, item.Queries, attention.KeyLength);
        if (keys.IsEmpty)
        {
            for (int query = item.Queries.Start; query < item.Queries.End && _problem.QueryGradient.IsPresent; query++)
            {
                RowOperations.Clear(_problem.QueryGradient.At(item.Batch, item.Head, query), size);
            }

            return;
        }

        AdditiveTile<TSimd, TVector> tile = new(_problem.Forward, item, keys);
        int rows = item.Queries.Length;
        bool drops = attention.Dropout > 0;
        nint sumFloats = (nint)(AdditiveTile<TSimd, TVector>.MostRows + AdditiveTile<TSimd, TVector>.BlockKeys + 1) * tile.Stride;
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + tile.WeightFloats * (drops ? 2 : 1) + sumFloats);
        float* gradients = tile.Place(rental.Memory);
        float* querySums = gradients + tile.WeightFloats;
        float* keySums = querySums + (nint)AdditiveTile<TSimd, TVector>.MostRows * tile.Stride;
        float* tileVectorSums = keySums + (nint)AdditiveTile<TSimd, TVector>.BlockKeys * tile.Stride;
        float* kept = drops ? tileVectorSums + tile.Stride : tile.Weights;
        tile.ComputeWeights(_problem.Forward, _mask, null, 0);
        ComputeScoreGradients(tile, gradients, kept);
        RowProducts.AddWeighed<TSimd, TVector>(
            kept, tile.WeightStride, rows, keys.Length, _problem.OutputGradient.At(item.Batch, item.Head, item.Queries.Start),
            _problem.OutputGradient.RowStride, attention.ValueSize, valueGradient + (nint)keys.Start * attention.ValueSize, attention.ValueSize);
        Packing.Clear<TSimd, TVector>(querySums, (nint)rows * tile.Stride);
        Packing.Clear<TSimd, TVector>(tileVectorSums, tile.Stride);
        uint takenQueries = TakeOutQueries(tile);
        for (int first = 0; first < keys.Length; first += AdditiveTile<TSimd, TVector>.BlockKeys)
        {
            int count = Math.Min(AdditiveTile<TSimd, TVector>.BlockKeys, keys.Length - first);
            Packing.Clear<TSimd, TVector>(keySums, (nint)count * tile.Stride);
            tile.LoadKeys(_problem.Forward, first, count);
            TakeOutPairs(tile, takenQueries, gradients, first, count, querySums, keySums, tileVectorSums);
            AdditiveKernel.Gradients<TSimd, TVector>(
                tile.QueryTable, rows, tile.KeyTable, count, tile.Stride, gradients + first, tile.WeightStride, querySums, keySums, tileVectorSums);
            for (int key = 0; key < count; key++)
            {
                AddScaled(keySums + (nint)key * tile.Stride, tile.Vector, size, keyGradient + (nint)(keys.Start + first + key) * size);
            }
        }

        for (int row = 0; row < rows && _problem.QueryGradient.IsPresent; row++)
        {
            float* destination = _problem.QueryGradient.At(item.Batch, item.Head, item.Queries.Start + row);
            RowOperations.Clear(destination, size);
            AddScaled(querySums + (nint)row * tile.Stride, tile.Vector, size, destination);
        }

        RowOperations.Add<TSimd, TVector>(tileVectorSums, vectorSums, size);
    }

    /// <summary>Turns the output's gradient into those of scores; leaves the weights that dropout kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ComputeScoreGradients(in AdditiveTile<TSimd, TVector> tile, float* gradients, float* kept)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        int count = tile.Keys.Length;
        RowProducts.MultiplyByRows<TSimd, TVector>(
            _problem.OutputGradient.At(tile.Batch, tile.Head, tile.Queries.Start), _problem.OutputGradient.RowStride, tile.Queries.Length,
            attention.Value.At(tile.Batch, tile.Head / attention.GroupSize, tile.Keys.Start), attention.Value.RowStride, count,
            attention.ValueSize, gradients, tile.WeightStride);
        for (int row = 0; row < tile.Queries.Length; row++)
        {
            float* weights = tile.Weights + (nint)row * tile.WeightStride;
            float* gradient = gradients + (nint)row * tile.WeightStride;
            if (attention.Dropout > 0)
            {
                float* factors = kept + (nint)row * tile.WeightStride;
                DropoutMask.FillKeep(
                    attention.DropoutSeed, tile.Batch, tile.Head, tile.Queries.Start + row, tile.Keys.Start, count, attention.Dropout, factors);
                RelativeRow.Drop<TSimd, TVector>(gradient, factors, gradient, count);
                RelativeRow.Drop<TSimd, TVector>(weights, factors, factors, count);
            }

            float mean = RelativeRow.Mean<TSimd, TVector>(weights, gradient, count);
            RelativeRow.ScoreGradients<TSimd, TVector>(weights, gradient, count, -mean, 1);
        }
    }

    /// <summary>
    /// Rows with NaN or infinity would bring NaN to pairs that a mask hides, whose score gradient is zero. Such queries are taken
    /// out of the tile, and said here as bits.
    /// </summary>
    private static uint TakeOutQueries(in AdditiveTile<TSimd, TVector> tile)
    {
        uint taken = 0;
        for (int row = 0; row < tile.Queries.Length; row++)
        {
            float* query = tile.QueryTable + (nint)row * tile.Stride;
            if (!AdditiveKernel.IsFinite<TSimd, TVector>(query, tile.Stride))
            {
                RowOperations.Clear(query, tile.Stride);
                taken |= 1u << row;
            }
        }

        return taken;
    }

    /// <summary>Takes such keys out of a block too, and computes one by one what pairs of either kind there are that count.</summary>
    private void TakeOutPairs(
        in AdditiveTile<TSimd, TVector> tile, uint takenQueries, float* gradients, int first, int count,
        float* querySums, float* keySums, float* vectorSums)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        for (int key = 0; key < count; key++)
        {
            float* keyRow = tile.KeyTable + (nint)key * tile.Stride;
            bool isFinite = AdditiveKernel.IsFinite<TSimd, TVector>(keyRow, tile.Stride);
            if (isFinite && takenQueries == 0)
            {
                continue;
            }

            for (int row = 0; row < tile.Queries.Length; row++)
            {
                float* gradient = gradients + (nint)row * tile.WeightStride + first + key;
                if ((!isFinite || (takenQueries >> row & 1) != 0) && *gradient != 0)
                {
                    AdditiveKernel.AddPair(
                        attention.Query.At(tile.Batch, tile.Head, tile.Queries.Start + row),
                        attention.Key.At(tile.Batch, tile.Head / attention.GroupSize, tile.Keys.Start + first + key), attention.HeadSize,
                        *gradient, querySums + (nint)row * tile.Stride, keySums + (nint)key * tile.Stride, vectorSums);
                    *gradient = 0;
                }
            }

            if (!isFinite)
            {
                RowOperations.Clear(keyRow, tile.Stride);
            }
        }
    }

    /// <summary><c>destination += vector sums</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(float* sums, float* vector, int size, float* destination)
    {
        int c = 0;
        for (; c <= size - TSimd.Count; c += TSimd.Count)
        {
            TSimd.Store(
                TSimd.Add(TSimd.Load(destination + c), TSimd.Multiply(TSimd.Load(vector + c), TSimd.Load(sums + c))), destination + c);
        }

        for (; c < size; c++)
        {
            destination[c] += vector[c] * sums[c];
        }
    }
}
