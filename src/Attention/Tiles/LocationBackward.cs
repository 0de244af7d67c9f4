using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The backward pass of location-aware attention, from the last step to the first. In the first half of a turn what the step after
/// sends back arrives at the alignment; in the second the step's hidden numbers are computed again and their gradients go to
/// every input, and as gradients of features into <see cref="LocationRoom.SpreadRow"/> for the step before.
/// </summary>
internal readonly unsafe struct LocationBackward<TSimd, TVector, TMask> : ILocationStages
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    /// <summary>Keys whose hidden numbers are kept at a time; see <see cref="LocationHidden.FeatureGradient"/>.</summary>
    private const int Group = 4;

    private readonly LocationGradientProblem _gradient;
    private readonly LocationProblem _problem;
    private readonly LocationPlan _plan;
    private readonly LocationTables _tables;
    private readonly LocationRoom _room;
    private readonly LocationSignal<TMask> _signal;

    internal LocationBackward(
        in LocationGradientProblem gradient, in TMask mask, in LocationPlan plan, in LocationTables tables, in LocationRoom room)
    {
        _gradient = gradient;
        _problem = gradient.Forward;
        _plan = plan;
        _tables = tables;
        _room = room;
        _signal = new LocationSignal<TMask>(_problem, mask, room.Sums, (nint)_problem.QueryLength * _problem.KeyLength, _problem.KeyLength);
    }

    private int Last => _problem.QueryLength - 1;

    public void Start(int batch)
    {
        for (int step = 0; step < _problem.QueryLength; step++)
        {
            if (_problem.IsAccumulated && step == 0)
            {
                _signal.StartSums(batch);
            }
            else if (_problem.IsAccumulated)
            {
                float* sums = _signal.Row(batch, step);
                new ReadOnlySpan<float>(_signal.Row(batch, step - 1), _problem.KeyLength).CopyTo(new Span<float>(sums, _problem.KeyLength));
                RowOperations.Add<TSimd, TVector>(_problem.Alignments.At(batch, 0, step - 1), sums, _problem.KeyLength);
            }

            _room.SetBounds(batch, step, _signal.Window(batch, step));
            ClearRow(_gradient.QueryGradient, batch, step, _problem.HiddenSize);
        }

        for (int key = 0; key < _problem.KeyLength; key++)
        {
            ClearRow(_gradient.KeyGradient, batch, key, _problem.HiddenSize);
            ClearRow(_gradient.ValueGradient, batch, key, _problem.ValueSize);
        }

        _room.Clear(batch);
    }

    /// <summary>What reaches the alignment of the step: from the step after, from outside, and through the context.</summary>
    public void Block(int batch, int block, int turn) => Arrive(batch, block, Last - turn);

    /// <summary>What reached the first step's features goes to the initial alignment.</summary>
    public void Rest(int batch, int piece) => Arrive(batch, piece, -1);

    /// <summary>From the alignment's gradient to all inputs of the step, for one block of keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Finish(int batch, int piece, int turn)
    {
        int step = Last - turn;
        IndexRange block = _plan.Block(piece);
        IndexRange all = _room.Bounds(batch, step);
        IndexRange keys = all.Intersect(block);
        _room.ClearSpread(batch, block);
        RowOperations.Clear(_room.QueryPart(batch, piece), _plan.HiddenStride);
        if (keys.IsEmpty)
        {
            return;
        }

        using Scratch.Rental rental = Scratch.Rent(
            _plan.SignalRoom + (nint)_problem.Features * (_plan.BlockKeys + Group) + Group * (nint)_plan.HiddenStride);
        float* signal = rental.Memory;
        float* features = signal + _plan.SignalRoom;
        float* hidden = features + (nint)_problem.Features * _plan.BlockKeys;
        float* groupFeatures = hidden + Group * (nint)_plan.HiddenStride;
        _signal.Read(batch, step, keys.Start - _problem.Left, keys.Length + _problem.Width - 1, signal, _plan.SignalRoom);
        for (int feature = 0; feature < _problem.Features; feature++)
        {
            LocationConvolution.Correlate<TSimd, TVector>(
                signal, _tables.Filters + (nint)feature * _plan.WidthStride, _problem.Width, features + (nint)feature * _plan.BlockKeys,
                keys.Length, adds: false);
        }

        float* row = _problem.Alignments.At(batch, 0, step);
        float* gradients = _room.AlignmentGradient(batch);
        float through = Reductions.Dot<TSimd, TVector>(row + all.Start, gradients + all.Start, all.Length);
        bool isMixed = _signal.IsMixed(batch, step, keys);
        int* group = stackalloc int[Group];
        int count = 0;
        for (int key = keys.Start; key < keys.End; key++)
        {
            float gradient = _problem.Sharpness * row[key] * (gradients[key] - through);
            if (gradient == 0f || (isMixed && !_signal.Allows(batch, step, key)))
            {
                continue;
            }

            float* keyFeatures = features + key - keys.Start;
            Key(batch, piece, step, key, keyFeatures, gradient, hidden + (nint)count * _plan.HiddenStride);
            for (int feature = 0; feature < _problem.Features; feature++)
            {
                groupFeatures[feature * Group + count] = keyFeatures[(nint)feature * _plan.BlockKeys];
            }

            group[count++] = key;
            if (count == Group)
            {
                FeatureGradients(batch, piece, hidden, groupFeatures, group, count);
                count = 0;
            }
        }

        if (count > 0)
        {
            RowOperations.Clear(hidden + (nint)count * _plan.HiddenStride, (Group - count) * (nint)_plan.HiddenStride);
            for (int feature = 0; feature < _problem.Features; feature++)
            {
                RowOperations.Clear(groupFeatures + feature * Group + count, Group - count);
            }

            FeatureGradients(batch, piece, hidden, groupFeatures, group, count);
        }

        for (int feature = 0; feature < _problem.Features && _gradient.FilterGradient != null; feature++)
        {
            LocationConvolution.AddFilterGradient<TSimd, TVector>(
                _room.SpreadOf(batch, feature, keys.Start), keys.Length, signal, _room.FilterLane(batch, piece, feature), _problem.Width);
        }
    }

    /// <summary>One key: its hidden numbers, and from their gradients those of query, key, score vector and score bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Key(int batch, int block, int step, int key, float* features, float gradient, float* hidden)
    {
        float score = LocationHidden.Score<TSimd, TVector>(
            _tables, _plan.HiddenStride, _problem.Query.At(batch, 0, step), _problem.Key.At(batch, 0, key), _problem.HiddenSize, features,
            _plan.BlockKeys, _problem.Features, hidden);
        if (_problem.IsSigmoid)
        {
            // The derivative of ln(sigmoid(e)) is 1 - sigmoid(e) = sigmoid(-e).
            gradient *= VectorMath.Sigmoid<SimdScalar, float>(-_problem.Sharpness * (score + _problem.Bias));
        }

        LocationHidden.Gradient<TSimd, TVector>(
            gradient, _tables.ScoreVector, hidden, _plan.HiddenStride, _room.ScoreVectorLane(batch, block), _room.QueryPart(batch, block));
        if (_gradient.KeyGradient.IsPresent)
        {
            RowOperations.Add<TSimd, TVector>(hidden, _gradient.KeyGradient.At(batch, 0, key), _problem.HiddenSize);
        }

        *_room.ScoreBiasLane(batch, block) += gradient;
    }

    private void FeatureGradients(int batch, int block, float* hidden, float* features, int* keys, int count)
    {
        float* sums = stackalloc float[Group];
        for (int feature = 0; feature < _problem.Features; feature++)
        {
            LocationHidden.FeatureGradient<TSimd, TVector>(
                _tables.Projection + (nint)feature * _plan.HiddenStride, _room.ProjectionLane(batch, block, feature), hidden,
                _plan.HiddenStride, features + feature * Group, sums);
            for (int i = 0; i < count; i++)
            {
                *_room.SpreadOf(batch, feature, keys[i]) = sums[i];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Arrive(int batch, int block, int step)
    {
        IndexRange keys = _plan.Block(block);
        if (block == 0 && step < Last && _gradient.QueryGradient.IsPresent)
        {
            FoldQuery(batch, step + 1);
        }

        using Scratch.Rental rental = Scratch.Rent(_plan.BlockKeys);
        float* carried = rental.Memory;
        RowOperations.Clear(carried, _plan.BlockKeys);
        if (!_gradient.StopsAlignments && step < Last)
        {
            for (int feature = 0; feature < _problem.Features; feature++)
            {
                LocationConvolution.Correlate<TSimd, TVector>(
                    _room.SpreadRow(batch, feature) + keys.Start, _tables.Reversed + (nint)feature * _plan.WidthStride, _problem.Width,
                    carried, keys.Length, adds: true);
            }

            _signal.Hide(batch, step + 1, keys, carried);
        }

        if (_problem.IsAccumulated)
        {
            // A sum passes its gradient on to all alignments in it.
            float* later = _room.SumGradient(batch) + keys.Start;
            RowOperations.Add<TSimd, TVector>(carried, later, keys.Length);
            carried = later;
        }

        if (step >= 0)
        {
            ThroughContext(batch, keys, step, carried);
        }
        else if (_gradient.InitialGradient.IsPresent)
        {
            new ReadOnlySpan<float>(carried, keys.Length).CopyTo(new Span<float>(_gradient.InitialGradient.At(batch, 0, 0) + keys.Start, keys.Length));
        }
    }

    private void ThroughContext(int batch, IndexRange block, int step, float* carried)
    {
        float* gradients = _room.AlignmentGradient(batch);
        RowOperations.Clear(gradients + block.Start, block.Length);
        IndexRange keys = _room.Bounds(batch, step).Intersect(block);
        bool isMixed = _signal.IsMixed(batch, step, keys);
        float* weights = _problem.Alignments.At(batch, 0, step);
        float* given = _gradient.AlignmentGradient.IsPresent ? _gradient.AlignmentGradient.At(batch, 0, step) : null;
        float* context = _gradient.ContextGradient.At(batch, 0, step);
        for (int key = keys.Start; key < keys.End; key++)
        {
            // Without weight nothing goes on from here, to the scores or to the value.
            if (weights[key] == 0f || (isMixed && !_signal.Allows(batch, step, key)))
            {
                continue;
            }

            gradients[key] = carried[key - block.Start] + (given == null ? 0f : given[key])
                + Reductions.Dot<TSimd, TVector>(context, _problem.Value.At(batch, 0, key), _problem.ValueSize);
            if (_gradient.ValueGradient.IsPresent)
            {
                LocationHidden.AddScaled<TSimd, TVector>(
                    weights[key], context, _gradient.ValueGradient.At(batch, 0, key), _problem.ValueSize);
            }
        }
    }

    /// <summary>The query's gradient is the sum over the blocks, in their order.</summary>
    private void FoldQuery(int batch, int step)
    {
        float* gradient = _gradient.QueryGradient.At(batch, 0, step);
        RowOperations.Clear(gradient, _problem.HiddenSize);
        for (int block = 0; block < _plan.Blocks; block++)
        {
            RowOperations.Add<TSimd, TVector>(_room.QueryPart(batch, block), gradient, _problem.HiddenSize);
        }
    }

    private static void ClearRow(in Operand rows, int batch, int row, int size)
    {
        if (rows.IsPresent)
        {
            RowOperations.Clear(rows.At(batch, 0, row), size);
        }
    }
}
