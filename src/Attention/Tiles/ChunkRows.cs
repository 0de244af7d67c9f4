using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Chunkwise weights, or their gradients, a run of rows a piece. A chunk is the w keys that end at the key k where the scan
/// stopped; each row goes through its w offsets one after the other, all chunks at once: the j-th vector pass has, for every k, the
/// key k - j.
/// </summary>
/// <remarks>Rows have room for w - 1 keys in front, hidden ones, so that no chunk needs care at the border.</remarks>
internal readonly unsafe struct ChunkRows<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    /// <summary>Exponentials of a piece, about.</summary>
    private const int PieceElements = 1 << 13;

    private readonly MonotonicProblem _problem;
    private readonly TMask _mask;
    private readonly bool _isBackward;
    private readonly int _rows;
    private readonly int _pieceRows;
    private readonly int _front;
    private readonly int _stride;

    internal ChunkRows(in MonotonicProblem problem, in TMask mask, bool isBackward)
    {
        _problem = problem;
        _mask = mask;
        _isBackward = isBackward;
        _rows = checked(problem.Batch * problem.Heads * problem.QueryLength);
        _pieceRows = (int)Math.Max(1, PieceElements / Math.Max(1, (long)problem.KeyLength * problem.ChunkWidth));
        _front = TilePlan.RoundUp(problem.ChunkWidth - 1, ScoreRow.CacheLine);
        _stride = _front + TilePlan.RoundUp(problem.KeyLength, ScoreRow.CacheLine);
    }

    internal int Count => _problem.KeyLength == 0 ? 0 : (int)(((long)_rows + _pieceRows - 1) / _pieceRows);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        using Scratch.Rental rental = Scratch.Rent(6 * (nint)_stride);
        int start = index * _pieceRows;
        int end = (int)Math.Min(_rows, (long)start + _pieceRows);
        for (int row = start; row < end; row++)
        {
            (int pair, int query) = Math.DivRem(row, _problem.QueryLength);
            (int batch, int head) = Math.DivRem(pair, _problem.Heads);
            Row(batch, head, query, rental.Memory);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Row(int batch, int head, int query, float* memory)
    {
        float* energies = memory + _front;
        float* largest = energies + _stride;
        float* shares = largest + _stride;
        float* first = shares + _stride;
        Fill(_problem.Energies.At(batch, head, query), energies, float.NegativeInfinity);
        MonotonicRow.Hide(_mask, energies, _problem.KeyLength, batch, head, query);
        Fill(_problem.Alignment.At(batch, head, query), shares, 0);
        for (int key = 0; key < _problem.KeyLength; key++)
        {
            // The alignment of a hidden key says nothing, NaN included.
            shares[key] = energies[key] == float.NegativeInfinity ? 0 : shares[key];
        }

        Normalise(energies, largest, first, shares, _isBackward);
        if (_isBackward)
        {
            Backward(batch, head, query, energies, largest, first, shares);
        }
        else
        {
            new Span<float>(first - _front, _stride).Clear();
            Spread(energies, largest, shares, first);
            new ReadOnlySpan<float>(first, _problem.KeyLength).CopyTo(new Span<float>(_problem.Weights.At(batch, head, query), _problem.KeyLength));
        }
    }

    /// <summary>A row with its room in front, and up to whole vectors behind.</summary>
    private void Fill(float* source, float* destination, float around)
    {
        new Span<float>(destination - _front, _stride).Fill(around);
        new ReadOnlySpan<float>(source, _problem.KeyLength).CopyTo(new Span<float>(destination, _problem.KeyLength));
    }

    /// <summary>
    /// Finds each chunk's largest energy and 1 over its sum of exponentials; the latter goes to <paramref name="inverse"/>, or
    /// straight into the shares that the forward pass spreads over the chunk.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Normalise(float* energies, float* largest, float* inverse, float* shares, bool keepsApart)
    {
        TVector nothing = TSimd.Create(float.NegativeInfinity);
        for (int key = 0; key < _problem.KeyLength; key += TSimd.Count)
        {
            // NaN on the right comes through.
            TVector max = nothing;
            for (int offset = 0; offset < _problem.ChunkWidth; offset++)
            {
                max = TSimd.Max(max, TSimd.Load(energies + key - offset));
            }

            max = TSimd.Select(TSimd.Equals(max, nothing), TSimd.Zero, max);
            TVector sum = TSimd.Zero;
            for (int offset = 0; offset < _problem.ChunkWidth; offset++)
            {
                sum = TSimd.Add(sum, Power(TSimd.Load(energies + key - offset), max));
            }

            TVector one = TSimd.Divide(TSimd.Create(1f), sum);
            one = TSimd.Select(TSimd.Equals(sum, TSimd.Zero), TSimd.Zero, one);
            TSimd.Store(max, largest + key);
            if (keepsApart)
            {
                TSimd.Store(one, inverse + key);
            }
            else
            {
                TSimd.Store(TSimd.Multiply(TSimd.Load(shares + key), one), shares + key);
            }
        }
    }

    /// <summary>weights_j = sum over the chunks k that hold j of exp(u_j - largest_k) share_k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Spread(float* energies, float* largest, float* shares, float* weights)
    {
        for (int offset = 0; offset < _problem.ChunkWidth; offset++)
        {
            for (int key = 0; key < _problem.KeyLength; key += TSimd.Count)
            {
                TVector power = Power(TSimd.Load(energies + key - offset), TSimd.Load(largest + key));
                float* place = weights + key - offset;
                TSimd.Store(TSimd.MultiplyAdd(power, TSimd.Load(shares + key), TSimd.Load(place)), place);
            }
        }
    }

    /// <summary>
    /// With s_kj the softmax of chunk k and g the gradient of the weights: <c>da_k = sum_j s_kj g_j</c> and
    /// <c>du_j = sum_k a_k s_kj (g_j - da_k)</c>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Backward(int batch, int head, int query, float* energies, float* largest, float* inverse, float* alignment)
    {
        float* gradient = inverse + _stride;
        float* result = gradient + _stride;
        Fill(_problem.Gradient.At(batch, head, query), gradient, 0);
        new Span<float>(result - _front, _stride).Clear();
        for (int key = 0; key < _problem.KeyLength; key++)
        {
            gradient[key] = energies[key] == float.NegativeInfinity ? 0 : gradient[key];
        }

        for (int key = 0; key < _problem.KeyLength; key += TSimd.Count)
        {
            TVector max = TSimd.Load(largest + key);
            TVector scale = TSimd.Load(inverse + key);
            TVector sum = TSimd.Zero;
            for (int offset = 0; offset < _problem.ChunkWidth; offset++)
            {
                TVector share = TSimd.Multiply(Power(TSimd.Load(energies + key - offset), max), scale);
                sum = TSimd.MultiplyAdd(share, TSimd.Load(gradient + key - offset), sum);
            }

            TSimd.Store(sum, result + key);
        }

        if (_problem.AlignmentGradient.IsPresent)
        {
            float* destination = _problem.AlignmentGradient.At(batch, head, query);
            for (int key = 0; key < _problem.KeyLength; key++)
            {
                destination[key] = energies[key] == float.NegativeInfinity ? 0 : result[key];
            }
        }

        if (_problem.EnergyGradient.IsPresent)
        {
            EnergyGradient(batch, head, query, energies, largest, inverse, alignment, gradient, result);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EnergyGradient(
        int batch, int head, int query, float* energies, float* largest, float* inverse, float* alignment, float* gradient, float* mean)
    {
        float* destination = _problem.EnergyGradient.At(batch, head, query);
        using Scratch.Rental rental = Scratch.Rent(_stride);
        float* sums = rental.Memory + _front;
        new Span<float>(rental.Memory, _stride).Clear();
        for (int offset = 0; offset < _problem.ChunkWidth; offset++)
        {
            for (int key = 0; key < _problem.KeyLength; key += TSimd.Count)
            {
                TVector share = TSimd.Multiply(
                    Power(TSimd.Load(energies + key - offset), TSimd.Load(largest + key)),
                    TSimd.Multiply(TSimd.Load(inverse + key), TSimd.Load(alignment + key)));
                TVector moved = TSimd.Subtract(TSimd.Load(gradient + key - offset), TSimd.Load(mean + key));
                float* place = sums + key - offset;
                TSimd.Store(TSimd.MultiplyAdd(share, moved, TSimd.Load(place)), place);
            }
        }

        new ReadOnlySpan<float>(sums, _problem.KeyLength).CopyTo(new Span<float>(destination, _problem.KeyLength));
    }

    /// <summary>exp(energy - largest of a chunk): at most 1 in the chunk, and what lies outside is multiplied by nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Power(TVector energy, TVector largest) => VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(energy, largest));
}
