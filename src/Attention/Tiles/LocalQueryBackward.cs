using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The first half of the backward pass of attention to windows, up to 32 queries of a head a piece: in go queries, their windows
/// and the output's gradient, out come the gradients of queries and positions (by head), and of each row what the second half
/// needs.
/// </summary>
internal readonly unsafe struct LocalQueryBackward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly LocalGradientProblem _problem;
    private readonly TMask _mask;
    private readonly WorkItems _items;
    private readonly LocalRowState* _states;
    private readonly IndexRange* _tiles;
    private readonly float* _positions;

    /// <summary>Describes the work.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="items">How it is cut.</param>
    /// <param name="states">Room for the state of each row, [batch, head, query].</param>
    /// <param name="tiles">Room for the keys between which each piece sees any, [batch, head, piece].</param>
    /// <param name="positions">Room for the gradient of each row's position, [batch, head, query].</param>
    internal LocalQueryBackward(
        in LocalGradientProblem problem, in TMask mask, in WorkItems items, LocalRowState* states, IndexRange* tiles, float* positions)
    {
        _problem = problem;
        _mask = mask;
        _items = items;
        _states = states;
        _tiles = tiles;
        _positions = positions;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        LocalProblem forward = _problem.Forward;
        WorkItem item = _items[index];
        int stride = LocalRow.Stride(forward.MostKeys);
        using Scratch.Rental rental = Scratch.Rent(3 * stride);
        nint head = (nint)item.Batch * forward.Attention.Heads + item.Head;
        nint first = head * forward.Attention.QueryLength;
        IndexRange bounds = new(int.MaxValue, 0);
        for (int query = item.Queries.Start; query < item.Queries.End; query++)
        {
            float logSumExp = float.NegativeInfinity;
            LocalRowState state = new() { Keys = forward.KeysOf(_mask, item.Batch, item.Head, query) };
            if (!state.Keys.IsEmpty)
            {
                logSumExp = LocalRow.ComputeWeights<TSimd, TVector, TMask>(
                    forward, _mask, item.Batch, item.Head, query, state.Keys, rental.Memory, ref state);
            }

            if (logSumExp == float.NegativeInfinity)
            {
                state.Keys = IndexRange.Empty;
                _positions[first + query] = 0;
                WriteQuery(item, query, state.Keys, null);
            }
            else
            {
                float* gradients = rental.Memory + 2 * stride;
                _positions[first + query] = ComputeScoreGradients(item, query, ref state, rental.Memory, rental.Memory + stride, gradients);
                WriteQuery(item, query, state.Keys, gradients);
                bounds = new IndexRange(Math.Min(bounds.Start, state.Keys.Start), Math.Max(bounds.End, state.Keys.End));
            }

            _states[first + query] = state;
        }

        _tiles[head * LocalPass.Tiles(forward.Attention.QueryLength) + item.Queries.Start / LocalPass.TileRows] = bounds;
    }

    /// <summary>Turns weights into the gradients of products.</summary>
    /// <returns>The gradient of the row's position.</returns>
    private float ComputeScoreGradients(in WorkItem item, int query, ref LocalRowState state, float* weights, float* factors, float* gradients)
    {
        LocalProblem forward = _problem.Forward;
        AttentionProblem attention = forward.Attention;
        int count = state.Keys.Length;
        float position = 0;
        LocalRow.MultiplyByRows<TSimd, TVector>(
            _problem.OutputGradient.At(item.Batch, item.Head, query),
            attention.Value.At(item.Batch, item.Head / attention.GroupSize, state.Keys.Start), attention.Value.RowStride, count,
            attention.ValueSize, gradients);
        if (LocalRow.ComputeFactors<TSimd, TVector>(forward, item.Batch, item.Head, query, state.Keys, factors))
        {
            if (forward.HasGaussian)
            {
                position = LocalRow.PositionGradient(
                    forward, forward.PositionOf(item.Batch, query), state.Keys, weights, factors, gradients);
            }

            WeightRow.Drop<TSimd, TVector>(gradients, factors, gradients, count);
        }

        float through = _problem.LogSumExpGradient.IsPresent ? *_problem.LogSumExpGradient.At(item.Batch, item.Head, query) : 0;
        state.Through = through - WeightRow.Mean<TSimd, TVector>(weights, gradients, count);
        WeightRow.ScoreGradients<TSimd, TVector>(weights, gradients, count, state.Through, attention.Scale);
        return position;
    }

    private void WriteQuery(in WorkItem item, int query, IndexRange keys, float* gradients)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        if (_problem.QueryGradient.IsPresent)
        {
            LocalRow.WeighRows<TSimd, TVector>(
                gradients, keys.Length, attention.Key.At(item.Batch, item.Head / attention.GroupSize, keys.Start), attention.Key.RowStride,
                attention.HeadSize, _problem.QueryGradient.At(item.Batch, item.Head, query));
        }
    }
}
