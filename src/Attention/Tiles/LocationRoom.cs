namespace Attention.Tiles;

/// <summary>The working memory of the backward pass of location-aware attention, and where what lies in it.</summary>
internal readonly unsafe struct LocationRoom
{
    private readonly LocationProblem _problem;
    private readonly LocationPlan _plan;
    private readonly float* _spread;
    private readonly float* _alignmentGradients;
    private readonly float* _sumGradients;
    private readonly float* _queryParts;
    private readonly int* _bounds;

    internal LocationRoom(in LocationProblem problem, in LocationPlan plan, float* memory)
    {
        _problem = problem;
        _plan = plan;
        nint blocks = (nint)problem.Batch * plan.Blocks;
        nint keys = (nint)problem.Batch * problem.KeyLength;
        Lanes = memory;
        _queryParts = memory + blocks * plan.LaneFloats;
        _spread = _queryParts + blocks * plan.HiddenStride;
        _alignmentGradients = _spread + (nint)problem.Batch * problem.Features * plan.SpreadStride;
        _sumGradients = _alignmentGradients + keys;
        Sums = _sumGradients + keys;
        _bounds = (int*)(Sums + (problem.IsAccumulated ? problem.QueryLength * keys : 0));
    }

    /// <summary>[batch, queryLength, keyLength]: the alignments before each step summed up, if features come from them.</summary>
    internal float* Sums { get; }

    /// <summary>[batch x blocks, laneFloats]: the weights' gradients from each block.</summary>
    internal float* Lanes { get; }

    internal static nint Floats(in LocationProblem problem, in LocationPlan plan)
    {
        nint keys = (nint)problem.Batch * problem.KeyLength;
        return (nint)problem.Batch * plan.Blocks * (plan.LaneFloats + plan.HiddenStride)
            + (nint)problem.Batch * problem.Features * plan.SpreadStride
            + (2 + (problem.IsAccumulated ? problem.QueryLength : 0)) * keys
            + (nint)2 * problem.Batch * problem.QueryLength;
    }

    /// <summary>Zeros what sums up over the steps of a batch element, and what surrounds the gradients of features.</summary>
    internal void Clear(int batch)
    {
        RowOperations.Clear(Lane(batch, 0), _plan.Blocks * _plan.LaneFloats);
        RowOperations.Clear(SpreadRow(batch, 0), (nint)_problem.Features * _plan.SpreadStride);
        RowOperations.Clear(SumGradient(batch), _problem.KeyLength);
    }

    internal IndexRange Bounds(int batch, int step)
    {
        int* place = _bounds + 2 * ((nint)batch * _problem.QueryLength + step);
        return new IndexRange(place[0], place[1]);
    }

    internal void SetBounds(int batch, int step, IndexRange keys)
    {
        int* place = _bounds + 2 * ((nint)batch * _problem.QueryLength + step);
        (place[0], place[1]) = (keys.Start, keys.End);
    }

    /// <summary>[keyLength]: the gradient of the current step's alignment.</summary>
    internal float* AlignmentGradient(int batch) => _alignmentGradients + (nint)batch * _problem.KeyLength;

    /// <summary>[keyLength]: the gradient of the sum of alignments.</summary>
    internal float* SumGradient(int batch) => _sumGradients + (nint)batch * _problem.KeyLength;

    /// <summary>[hiddenStride]: the gradient of the current step's query from a block.</summary>
    internal float* QueryPart(int batch, int block) => _queryParts + ((nint)batch * _plan.Blocks + block) * _plan.HiddenStride;

    /// <summary>[spreadStride]: the gradients of a feature, zeros on both sides, so that correlating them with the reversed filter gives what reaches each key.</summary>
    internal float* SpreadRow(int batch, int feature) => _spread + ((nint)batch * _problem.Features + feature) * _plan.SpreadStride;

    /// <summary>The gradient of a feature of a key, and behind it those of the keys after.</summary>
    internal float* SpreadOf(int batch, int feature, int key) => SpreadRow(batch, feature) + key + _problem.Width - 1 - _problem.Left;

    internal void ClearSpread(int batch, IndexRange keys)
    {
        for (int feature = 0; feature < _problem.Features; feature++)
        {
            RowOperations.Clear(SpreadOf(batch, feature, keys.Start), keys.Length);
        }
    }

    /// <summary>The order is that of <see cref="LocationPlan.LaneFloats"/>.</summary>
    internal float* ScoreVectorLane(int batch, int block) => Lane(batch, block);

    internal float* ProjectionLane(int batch, int block, int feature) => Lane(batch, block) + (nint)(1 + feature) * _plan.HiddenStride;

    internal float* FilterLane(int batch, int block, int feature) =>
        ProjectionLane(batch, block, _problem.Features) + (nint)feature * _plan.WidthStride;

    internal float* ScoreBiasLane(int batch, int block) => FilterLane(batch, block, _problem.Features);

    private float* Lane(int batch, int block) => Lanes + ((nint)batch * _plan.Blocks + block) * _plan.LaneFloats;
}
