using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The backward pass of attention with any normaliser, one lane a piece. A tile's weights are computed again as the forward pass
/// did: in go a tile of queries and of the output's gradient, out come its rows of the query's gradient, and what is added to the
/// gradients of keys and values, tile after tile in a fixed order.
/// </summary>
internal readonly unsafe struct NormalizedBackward<TSimd, TVector, TMask, TModifier, TNormalizer> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
    where TNormalizer : struct, INormalizer
{
    private readonly NormalizedProblem _problem;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly TNormalizer _normalizer;
    private readonly LanePlan _plan;
    private readonly Operand _keyParts;
    private readonly Operand _valueParts;

    /// <summary>Describes the work.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="modifier">The modifier.</param>
    /// <param name="normalizer">The normaliser.</param>
    /// <param name="plan">How it is cut.</param>
    /// <param name="keyParts">Where each part in memory (as batch) sums the gradient of keys; absent if not wanted.</param>
    /// <param name="valueParts">Where each sums that of values; absent if not wanted.</param>
    internal NormalizedBackward(
        in NormalizedProblem problem, in TMask mask, in TModifier modifier, in TNormalizer normalizer, in LanePlan plan,
        in Operand keyParts, in Operand valueParts)
    {
        _problem = problem;
        _mask = mask;
        _modifier = modifier;
        _normalizer = normalizer;
        _plan = plan;
        _keyParts = keyParts;
        _valueParts = valueParts;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        AttentionProblem attention = _problem.Attention;
        IndexRange units = _plan.UnitsOf(index);
        for (int unit = units.Start; unit < units.End; unit++)
        {
            LanePart part = _plan.Part(index, unit);
            Operand keyGradient = GradientFold<TSimd, TVector>.ClearedPart(_keyParts, part.Memory);
            Operand valueGradient = GradientFold<TSimd, TVector>.ClearedPart(_valueParts, part.Memory);
            for (int tile = part.Tiles.Start; tile < part.Tiles.End; tile++)
            {
                AddTile(_plan.Item(part, tile), keyGradient, valueGradient);
            }

            if (!_plan.IsSpread)
            {
                GradientFold<TSimd, TVector>.AddPart(keyGradient, _problem.KeyGradient, part, attention.KeyLength, attention.HeadSize);
                GradientFold<TSimd, TVector>.AddPart(valueGradient, _problem.ValueGradient, part, attention.KeyLength, attention.ValueSize);
            }
        }
    }

    private void AddTile(in WorkItem item, in Operand keyGradient, in Operand valueGradient)
    {
        AttentionProblem attention = _problem.Attention;
        IndexRange keys = _mask.KeyBounds(item.Batch, item.Head, item.Queries, attention.KeyLength);
        if (keys.IsEmpty)
        {
            for (int query = item.Queries.Start; query < item.Queries.End && _problem.QueryGradient.IsPresent; query++)
            {
                RowOperations.Clear(_problem.QueryGradient.At(item.Batch, item.Head, query), attention.HeadSize);
            }

            return;
        }

        NormalizedTile<TSimd, TVector> tile = new(item, keys);
        int keyHead = item.Head / attention.GroupSize;
        bool drops = attention.Dropout > 0;
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + (drops ? 2 : 1) * tile.MatrixFloats + tile.Stride);
        float* products = tile.Place(rental.Memory);
        float* gradients = products + tile.Stride;
        float* kept = drops ? gradients + tile.MatrixFloats : tile.Weights;
        float* outputGradient = _problem.OutputGradient.At(item.Batch, item.Head, item.Queries.Start);
        nint outputStride = _problem.OutputGradient.RowStride;
        tile.Multiply(attention);
        tile.MultiplyByRows(
            outputGradient, outputStride, attention.Value.At(item.Batch, keyHead, keys.Start), attention.Value.RowStride, attention.ValueSize,
            gradients);
        ComputeScoreGradients(tile, products, gradients, kept);
        if (valueGradient.IsPresent)
        {
            tile.AddWeighed(
                kept, outputGradient, outputStride, attention.ValueSize, valueGradient.At(0, 0, keys.Start), valueGradient.RowStride);
        }

        if (keyGradient.IsPresent)
        {
            tile.AddWeighed(
                gradients, attention.Query.At(item.Batch, item.Head, item.Queries.Start), attention.Query.RowStride, attention.HeadSize,
                keyGradient.At(0, 0, keys.Start), keyGradient.RowStride);
        }

        if (_problem.QueryGradient.IsPresent)
        {
            tile.WeighRows(
                gradients, attention.Key.At(item.Batch, keyHead, keys.Start), attention.Key.RowStride, attention.HeadSize,
                _problem.QueryGradient.At(item.Batch, item.Head, item.Queries.Start), _problem.QueryGradient.RowStride);
        }
    }

    /// <summary>Turns the gradients of weights into those of bare products; leaves the weights that dropout kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ComputeScoreGradients(NormalizedTile<TSimd, TVector> tile, float* products, float* gradients, float* kept)
    {
        AttentionProblem attention = _problem.Attention;
        bool isFull = tile.IsFull(_mask);
        int count = tile.Keys.Length;
        for (int row = 0; row < tile.Queries.Length; row++)
        {
            int query = tile.Queries.Start + row;
            float* scores = tile.Scores + (nint)row * tile.Stride;
            float* weights = tile.Weights + (nint)row * tile.Stride;
            float* gradient = gradients + (nint)row * tile.Stride;
            new ReadOnlySpan<float>(scores, tile.Stride).CopyTo(new Span<float>(products, tile.Stride));
            tile.Normalize(attention, _mask, _modifier, _normalizer, row, isFull);
            if (attention.Dropout > 0)
            {
                float* factors = kept + (nint)row * tile.Stride;
                DropoutMask.FillKeep(
                    attention.DropoutSeed, tile.Batch, tile.Head, query, tile.Keys.Start, count, attention.Dropout, factors);
                WeightRow.Drop<TSimd, TVector>(gradient, factors, gradient, count);
                WeightRow.Drop<TSimd, TVector>(weights, factors, factors, count);
            }

            tile.Allowed.Differentiate<TSimd, TVector, TNormalizer>(scores, weights, gradient, gradient, _normalizer);
            Chain(gradient, products, tile, query);
        }
    }

    /// <summary>Takes gradients of scores through modifier and scale; what is zero stays zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Chain(float* gradient, float* products, in NormalizedTile<TSimd, TVector> tile, int query)
    {
        TVector scale = TSimd.Create(_problem.Attention.Scale);
        for (int column = 0; column < tile.Stride; column += TSimd.Count)
        {
            TVector score = TSimd.Multiply(TSimd.Load(products + column), scale);
            TVector slope = TSimd.Multiply(
                _modifier.Derivative<TSimd, TVector>(score, tile.Batch, tile.Head, query, tile.Keys.Start + column), scale);
            TVector number = TSimd.Load(gradient + column);
            TSimd.Store(TSimd.Select(TSimd.Equals(number, TSimd.Zero), TSimd.Zero, TSimd.Multiply(number, slope)), gradient + column);
        }
    }
}
