using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The forward pass of location-aware attention in stages: the scores of a block of keys, then the alignment of the step, and when
/// all steps are done the contexts, which no step waits for.
/// </summary>
internal readonly unsafe struct LocationForward<TSimd, TVector, TMask> : ILocationStages
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly LocationProblem _problem;
    private readonly LocationPlan _plan;
    private readonly LocationTables _tables;
    private readonly LocationSignal<TMask> _signal;
    private readonly int* _bounds;

    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="plan">How it is cut.</param>
    /// <param name="tables">Its weights.</param>
    /// <param name="sums">[batch, keyLength]: the alignments summed up so far.</param>
    /// <param name="bounds">[batch, 2]: the first key of the current step, and the one past its last.</param>
    internal LocationForward(
        in LocationProblem problem, in TMask mask, in LocationPlan plan, in LocationTables tables, float* sums, int* bounds)
    {
        _problem = problem;
        _plan = plan;
        _tables = tables;
        _signal = new LocationSignal<TMask>(problem, mask, sums, problem.KeyLength, 0);
        _bounds = bounds;
    }

    public void Start(int batch)
    {
        if (_problem.IsAccumulated)
        {
            _signal.StartSums(batch);
        }

        Bound(batch, 0);
    }

    /// <summary>The scores of a block, in place of the step's alignment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Block(int batch, int block, int step)
    {
        IndexRange keys = Bounds(batch).Intersect(_plan.Block(block));
        if (keys.IsEmpty)
        {
            return;
        }

        using Scratch.Rental rental = Scratch.Rent(_plan.SignalRoom + (nint)_problem.Features * _plan.BlockKeys);
        float* signal = rental.Memory;
        float* features = signal + _plan.SignalRoom;
        _signal.Read(batch, step, keys.Start - _problem.Left, keys.Length + _problem.Width - 1, signal, _plan.SignalRoom);
        for (int feature = 0; feature < _problem.Features; feature++)
        {
            LocationConvolution.Correlate<TSimd, TVector>(
                signal, _tables.Filters + (nint)feature * _plan.WidthStride, _problem.Width, features + (nint)feature * _plan.BlockKeys,
                keys.Length, adds: false);
        }

        bool isMixed = _signal.IsMixed(batch, step, keys);
        float* query = _problem.Query.At(batch, 0, step);
        float* scores = _problem.Alignments.At(batch, 0, step) + keys.Start;
        for (int i = 0; i < keys.Length; i++)
        {
            scores[i] = isMixed && !_signal.Allows(batch, step, keys.Start + i)
                ? float.NegativeInfinity
                : _problem.Sharpness * (_problem.Bias + LocationHidden.Score<TSimd, TVector>(
                    _tables, _plan.HiddenStride, query, _problem.Key.At(batch, 0, keys.Start + i), _problem.HiddenSize, features + i,
                    _plan.BlockKeys, _problem.Features, null));
        }

        if (_problem.IsSigmoid)
        {
            int whole = keys.Length - keys.Length % TSimd.Count;
            LogSigmoid<TSimd, TVector>(scores, whole);
            LogSigmoid<SimdScalar, float>(scores + whole, keys.Length - whole);
        }
    }

    /// <summary>The alignment of a step from its scores, and what the next step needs of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Finish(int batch, int piece, int step)
    {
        IndexRange keys = Bounds(batch);
        float* row = _problem.Alignments.At(batch, 0, step);
        RowOperations.Clear(row, keys.IsEmpty ? _problem.KeyLength : keys.Start);
        if (!keys.IsEmpty)
        {
            RowOperations.Clear(row + keys.End, _problem.KeyLength - keys.End);
            if (float.IsNaN(RowSoftmax.Forward<TSimd, TVector>(row + keys.Start, row + keys.Start, keys.Length)))
            {
                // The row is lost, but not what it may not see.
                _signal.Hide(batch, step, keys, row + keys.Start);
            }
        }

        if (_problem.IsAccumulated)
        {
            RowOperations.Add<TSimd, TVector>(row, _signal.Row(batch, step), _problem.KeyLength);
        }

        if (step + 1 < _problem.QueryLength)
        {
            Bound(batch, step + 1);
        }
    }

    /// <summary>The context of a step: a sum in the order of the keys, a few vectors of it in registers at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Rest(int batch, int step)
    {
        float* weights = _problem.Alignments.At(batch, 0, step);
        float* values = _problem.Value.At(batch, 0, 0);
        float* context = _problem.Context.At(batch, 0, step);
        int column = 0;
        for (; column <= _problem.ValueSize - 4 * TSimd.Count; column += 4 * TSimd.Count)
        {
            TVector sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                // What has no weight may be anything.
                if (weights[key] != 0f)
                {
                    TVector weight = TSimd.Create(weights[key]);
                    float* value = values + key * _problem.Value.RowStride + column;
                    sum0 = TSimd.MultiplyAdd(weight, TSimd.Load(value), sum0);
                    sum1 = TSimd.MultiplyAdd(weight, TSimd.Load(value + TSimd.Count), sum1);
                    sum2 = TSimd.MultiplyAdd(weight, TSimd.Load(value + 2 * TSimd.Count), sum2);
                    sum3 = TSimd.MultiplyAdd(weight, TSimd.Load(value + 3 * TSimd.Count), sum3);
                }
            }

            TSimd.Store(sum0, context + column);
            TSimd.Store(sum1, context + column + TSimd.Count);
            TSimd.Store(sum2, context + column + 2 * TSimd.Count);
            TSimd.Store(sum3, context + column + 3 * TSimd.Count);
        }

        int whole = _problem.ValueSize - (_problem.ValueSize - column) % TSimd.Count;
        Columns<TSimd, TVector>(weights, values, context, column, whole);
        Columns<SimdScalar, float>(weights, values, context, whole, _problem.ValueSize);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Columns<TPart, TPartVector>(float* weights, float* values, float* context, int start, int end)
        where TPart : struct, ISimd<TPartVector>
        where TPartVector : unmanaged
    {
        for (int column = start; column < end; column += TPart.Count)
        {
            TPartVector sum = TPart.Zero;
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                if (weights[key] != 0f)
                {
                    TPartVector value = TPart.Load(values + key * _problem.Value.RowStride + column);
                    sum = TPart.MultiplyAdd(TPart.Create(weights[key]), value, sum);
                }
            }

            TPart.Store(sum, context + column);
        }
    }

    /// <summary>
    /// ln(sigmoid(e)) = min(e, 0) - ln(1 + exp(-|e|)): the softmax of it is the normalised sigmoid, also where every sigmoid would
    /// be too small for a float.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LogSigmoid<TPart, TPartVector>(float* scores, int count)
        where TPart : struct, ISimd<TPartVector>
        where TPartVector : unmanaged
    {
        for (int i = 0; i < count; i += TPart.Count)
        {
            TPartVector score = TPart.Load(scores + i);
            TPartVector power = VectorMath.Exp<TPart, TPartVector>(TPart.Subtract(TPart.Zero, TPart.Abs(score)));
            TPartVector logarithm = VectorMath.Log<TPart, TPartVector>(TPart.Add(TPart.Create(1f), power));
            TPart.Store(TPart.Subtract(TPart.Min(TPart.Zero, score), logarithm), scores + i);
        }
    }

    private IndexRange Bounds(int batch) => new(_bounds[2 * batch], _bounds[2 * batch + 1]);

    private void Bound(int batch, int step)
    {
        IndexRange keys = _signal.Window(batch, step);
        _bounds[2 * batch] = keys.Start;
        _bounds[2 * batch + 1] = keys.End;
    }
}
