using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The alignment of one head, query after query, since each begins where the one before stopped: in go its energies, out comes
/// how likely each query is to stop at each key; or backward, from the last query to the first.
/// </summary>
/// <remarks>
/// With <c>p = sigmoid(e)</c>, <c>reach_j = (1 - p_(j-1)) reach_(j-1) + before_j</c> is the probability that the scan gets to key j,
/// and <c>alignment_j = p_j reach_j</c>. Nothing is divided, unlike in the form with cumulative products, so that nothing needs to be
/// kept away from zero: every step multiplies by a probability and adds one. p and 1 - p both come from the logistic function, on
/// the side where they are small, and the sums run in double, which makes logarithms unnecessary.
/// </remarks>
internal readonly unsafe struct MonotonicHead<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly MonotonicProblem _problem;
    private readonly TMask _mask;
    private readonly bool _isBackward;
    private readonly bool _isHard;

    internal MonotonicHead(in MonotonicProblem problem, in TMask mask, bool isBackward, bool isHard)
    {
        _problem = problem;
        _mask = mask;
        _isBackward = isBackward;
        _isHard = isHard;
    }

    public void Invoke(int index)
    {
        (int batch, int head) = Math.DivRem(index, _problem.Heads);
        if (_problem.KeyLength == 0)
        {
            return;
        }

        if (_isHard)
        {
            Scan(batch, head);
        }
        else if (_isBackward)
        {
            Backward(batch, head);
        }
        else
        {
            Forward(batch, head);
        }
    }

    /// <summary>The first key from <paramref name="start"/> on at which the scan stops, or how many keys there are.</summary>
    internal static int Stop(in TMask mask, float* energies, int keyLength, int batch, int head, int query, int start)
    {
        int key = start;

        // NaN stops: a broken energy must not be passed over in silence.
        while (key < keyLength && (energies[key] < 0 || !mask.Allows(batch, head, query, key)))
        {
            key++;
        }

        return key;
    }

    /// <summary>Hard attention: one key for each query, or none.</summary>
    private void Scan(int batch, int head)
    {
        int keys = _problem.KeyLength;
        int position = 0;
        for (int query = 0; query < _problem.QueryLength; query++)
        {
            float* alignment = _problem.Alignment.At(batch, head, query);
            RowOperations.Clear(alignment, keys);
            position = Stop(_mask, _problem.Energies.At(batch, head, query), keys, batch, head, query, position);
            if (position < keys)
            {
                alignment[position] = 1;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Forward(int batch, int head)
    {
        int keys = _problem.KeyLength;
        int stride = TilePlan.RoundUp(keys, ScoreRow.CacheLine);
        using Scratch.Rental rental = Scratch.Rent(5 * (nint)stride);
        float* before = rental.Memory;
        float* stop = before + stride;
        float* go = stop + stride;
        float* whole = go + stride;
        float* part = whole + stride;
        StartAtFirst(before, keys);
        for (int query = 0; query < _problem.QueryLength; query++)
        {
            Probabilities(batch, head, query, stop, go, whole, part);
            float* alignment = _problem.Alignment.At(batch, head, query);
            double carried = 0;
            for (int key = 0; key < keys; key++)
            {
                double reach = carried + before[key];
                alignment[key] = (float)(stop[key] * reach);
                carried = ((double)whole[key] + part[key]) * reach;
            }

            before = alignment;
        }
    }

    /// <summary>
    /// With gradient g of the alignment, what the next query adds to it included: from the last key to the first
    /// <c>dReach_j = g_j p_j + dReach_(j+1) (1 - p_j)</c>, which the query before gets as the gradient of its alignment, and
    /// <c>de_j = p_j (1 - p_j) reach_j (g_j - dReach_(j+1))</c>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Backward(int batch, int head)
    {
        int keys = _problem.KeyLength;
        int stride = TilePlan.RoundUp(keys, ScoreRow.CacheLine);
        using Scratch.Rental rental = Scratch.Rent(9 * (nint)stride);
        float* first = rental.Memory;
        float* stop = first + stride;
        float* go = stop + stride;
        float* whole = go + stride;
        float* part = whole + stride;
        double* reach = (double*)(part + stride);
        double* next = reach + stride;
        StartAtFirst(first, keys);
        new Span<double>(next, keys).Clear();
        for (int query = _problem.QueryLength - 1; query >= 0; query--)
        {
            Probabilities(batch, head, query, stop, go, whole, part);
            float* before = query == 0 ? first : _problem.Alignment.At(batch, head, query - 1);
            double carried = 0;
            for (int key = 0; key < keys; key++)
            {
                reach[key] = carried + before[key];
                carried = ((double)whole[key] + part[key]) * reach[key];
            }

            float* gradient = _problem.Gradient.At(batch, head, query);
            float* energyGradient = _problem.EnergyGradient.At(batch, head, query);
            double behind = 0;
            for (int key = keys - 1; key >= 0; key--)
            {
                // What is hidden never stops, whatever the gradient of its weight.
                double own = stop[key] == 0 ? 0 : gradient[key] + next[key];
                energyGradient[key] = stop[key] == 0 ? 0 : (float)((double)stop[key] * go[key] * reach[key] * (own - behind));
                behind = own * stop[key] + behind * ((double)whole[key] + part[key]);
                next[key] = behind;
            }
        }
    }

    /// <summary>Before the first query the scan stands at the first key.</summary>
    private static void StartAtFirst(float* row, int keys)
    {
        RowOperations.Clear(row, keys);
        row[0] = 1;
    }

    /// <summary>
    /// p and 1 - p of one row; what is hidden never stops. 1 - p in floats has lost digits where p is small, so that there is also its
    /// sum of two numbers, which is exact in double: 1 and -p there, 0 and 1 - p elsewhere.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Probabilities(int batch, int head, int query, float* stop, float* go, float* whole, float* part)
    {
        int keys = _problem.KeyLength;
        new ReadOnlySpan<float>(_problem.Energies.At(batch, head, query), keys).CopyTo(new Span<float>(stop, keys));
        MonotonicRow.Hide(_mask, stop, keys, batch, head, query);

        // The rows are padded to whole vectors; what comes out behind the last key is not read.
        TVector one = TSimd.Create(1f);
        TVector half = TSimd.Create(0.5f);
        for (int key = 0; key < keys; key += TSimd.Count)
        {
            TVector energy = TSimd.Load(stop + key);
            TVector stops = VectorMath.Sigmoid<TSimd, TVector>(energy);
            TVector goes = VectorMath.Sigmoid<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, energy));
            TVector isSmall = TSimd.LessThan(stops, half);
            TSimd.Store(stops, stop + key);
            TSimd.Store(goes, go + key);
            TSimd.Store(TSimd.Select(isSmall, one, TSimd.Zero), whole + key);
            TSimd.Store(TSimd.Select(isSmall, TSimd.Subtract(TSimd.Zero, stops), goes), part + key);
        }
    }
}
