using Attention.Policies;

namespace Attention.Tiles;

/// <summary>
/// What features and windows of a step are computed from: the alignment before or the sum of all before, in which every key that
/// the step's query may not attend to counts as 0, whatever it holds.
/// </summary>
internal readonly unsafe struct LocationSignal<TMask>
    where TMask : struct, IAttentionMask
{
    private readonly LocationProblem _problem;
    private readonly TMask _mask;
    private readonly float* _sums;
    private readonly nint _sumBatchStride;
    private readonly nint _sumRowStride;

    /// <summary>Describes the numbers; the sums are only looked at where features come from them.</summary>
    internal LocationSignal(in LocationProblem problem, in TMask mask, float* sums, nint sumBatchStride, nint sumRowStride)
    {
        _problem = problem;
        _mask = mask;
        _sums = sums;
        _sumBatchStride = sumBatchStride;
        _sumRowStride = sumRowStride;
    }

    /// <summary>The row of numbers, or null for zeros.</summary>
    internal float* Row(int batch, int step) =>
        _problem.IsAccumulated ? _sums + batch * _sumBatchStride + step * _sumRowStride
        : step > 0 ? _problem.Alignments.At(batch, 0, step - 1)
        : _problem.Initial.IsPresent ? _problem.Initial.At(batch, 0, 0)
        : null;

    /// <summary>The sums before the first step: the initial alignment or zeros.</summary>
    internal void StartSums(int batch)
    {
        Span<float> row = new(_sums + batch * _sumBatchStride, _problem.KeyLength);
        if (_problem.Initial.IsPresent)
        {
            new ReadOnlySpan<float>(_problem.Initial.At(batch, 0, 0), _problem.KeyLength).CopyTo(row);
        }
        else
        {
            row.Clear();
        }
    }

    /// <summary>The keys that the mask leaves to a step, as a run.</summary>
    internal IndexRange Keys(int batch, int step) =>
        _mask.KeyBounds(batch, 0, new IndexRange(step, step + 1), _problem.KeyLength).Intersect(new IndexRange(0, _problem.KeyLength));

    /// <summary>Whether the mask must be asked key by key within a run.</summary>
    internal bool IsMixed(int batch, int step, IndexRange keys) =>
        !keys.IsEmpty && _mask.Cover(batch, 0, new IndexRange(step, step + 1), keys) != TileCoverage.Full;

    internal bool Allows(int batch, int step, int key) => _mask.Allows(batch, 0, step, key);

    /// <summary>Copies the numbers of <paramref name="count"/> keys from <paramref name="first"/> on, which may lie beyond the ends; zeros up to <paramref name="room"/>.</summary>
    internal void Read(int batch, int step, int first, int count, float* destination, int room)
    {
        RowOperations.Clear(destination, room);
        float* row = Row(batch, step);
        IndexRange keys = Keys(batch, step).Intersect(new IndexRange(first, first + count));
        if (row == null || keys.IsEmpty)
        {
            return;
        }

        new ReadOnlySpan<float>(row + keys.Start, keys.Length).CopyTo(new Span<float>(destination + keys.Start - first, keys.Length));
        Hide(batch, step, keys, destination + keys.Start - first);
    }

    /// <summary>Writes 0 for the keys of a run that the mask hides; <paramref name="numbers"/> begins at the run's first key.</summary>
    internal void Hide(int batch, int step, IndexRange run, float* numbers)
    {
        IndexRange keys = Keys(batch, step);
        if (!keys.Contains(run))
        {
            for (int key = run.Start; key < run.End; key++)
            {
                numbers[key - run.Start] = keys.Contains(key) ? numbers[key - run.Start] : 0f;
            }
        }

        keys = keys.Intersect(run);
        if (IsMixed(batch, step, keys))
        {
            for (int key = keys.Start; key < keys.End; key++)
            {
                numbers[key - run.Start] = Allows(batch, step, key) ? numbers[key - run.Start] : 0f;
            }
        }
    }

    /// <summary>The keys of a step: those of the mask that lie in the window.</summary>
    internal IndexRange Window(int batch, int step)
    {
        IndexRange keys = Keys(batch, step);
        if (!_problem.HasWindow || keys.IsEmpty)
        {
            return keys;
        }

        double center = Center(batch, step, keys);
        if (double.IsNaN(center))
        {
            return IndexRange.Empty;
        }

        // What is not a number stays to be seen: such an alignment is followed by all keys, and their scores tell.
        return double.IsInfinity(center) ? keys : keys.Intersect(new IndexRange(
            (int)Math.Clamp(Math.Floor(center - _problem.Before) + 1, 0, _problem.KeyLength),
            (int)Math.Clamp(Math.Ceiling(center + _problem.After), 0, _problem.KeyLength)));
    }

    /// <summary>
    /// Mean or median in double, so that a sum of floats lands on a whole number where it should; NaN where there is no weight,
    /// infinite where the weight is not a number.
    /// </summary>
    private double Center(int batch, int step, IndexRange keys)
    {
        float* row = Row(batch, step);
        if (row == null)
        {
            return double.NaN;
        }

        bool isMixed = IsMixed(batch, step, keys);
        double weight = 0;
        double moment = 0;
        for (int key = keys.Start; key < keys.End; key++)
        {
            if (!isMixed || Allows(batch, step, key))
            {
                weight += row[key];
                moment += (double)key * row[key];
            }
        }

        if (!double.IsFinite(weight))
        {
            return double.PositiveInfinity;
        }

        if (!(weight > 0))
        {
            return double.NaN;
        }

        return _problem.IsMedian ? Median(batch, step, keys, row, isMixed, weight / 2) : moment / weight;
    }

    private int Median(int batch, int step, IndexRange keys, float* row, bool isMixed, double half)
    {
        double before = 0;
        for (int key = keys.Start; key < keys.End; key++)
        {
            before += !isMixed || Allows(batch, step, key) ? row[key] : 0;
            if (before >= half)
            {
                return key;
            }
        }

        return keys.End - 1;
    }
}
