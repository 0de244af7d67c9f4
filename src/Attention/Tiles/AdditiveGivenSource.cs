using System.Runtime.CompilerServices;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Gradients of scores that somebody computed before; rows are looked at from the first that is not 0 to the last.</summary>
internal readonly unsafe struct AdditiveGivenSource<TSimd, TVector> : IScoreGradientSource<TSimd, TVector, NoMask>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly Operand _gradients;

    internal AdditiveGivenSource(in Operand gradients) => _gradients = gradients;

    public nint Floats(in AdditiveTile<TSimd, TVector, NoMask> tile) => 0;

    public void Start(in AdditiveTile<TSimd, TVector, NoMask> tile, float* memory)
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public float* Compute(ref AdditiveTile<TSimd, TVector, NoMask> tile, int block, float* memory, float* values)
    {
        tile.Enter(block);
        bool isEmpty = true;
        for (int row = 0; row < tile.Item.Queries.Length; row++)
        {
            float* given = _gradients.At(tile.Item.Batch, tile.Item.Head, tile.Item.Queries.Start + row) + tile.Block.Start;
            IndexRange columns = AdditiveTile<TSimd, TVector, NoMask>.Vectors(NotZero(new(given, tile.Block.Length)));
            float* gradients = tile.Scores + (nint)row * tile.ScoreStride;
            int end = Math.Min(columns.End, tile.Block.Length);
            for (int column = columns.Start; column < columns.End; column++)
            {
                gradients[column] = column < end ? given[column] : 0;
            }

            tile.Ranges[row] = columns;
            isEmpty &= columns.IsEmpty;
        }

        if (isEmpty)
        {
            return null;
        }

        tile.PackKeys();
        return tile.Scores;
    }

    /// <summary>From the first number that is not 0 to the last.</summary>
    private static IndexRange NotZero(ReadOnlySpan<float> numbers)
    {
        int first = numbers.IndexOfAnyExcept(0f);
        return first < 0 ? IndexRange.Empty : new IndexRange(first, numbers.LastIndexOfAnyExcept(0f) + 1);
    }
}
