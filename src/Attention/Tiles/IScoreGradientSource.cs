using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Where <see cref="AdditiveBackward{TSimd, TVector, TMask, TSource}"/> gets the gradients of scores from, a block of a tile at a time.</summary>
internal unsafe interface IScoreGradientSource<TSimd, TVector, TMask>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    /// <summary>The floats that it needs beside a tile.</summary>
    nint Floats(in AdditiveTile<TSimd, TVector, TMask> tile);

    /// <summary>Prepares what holds for all blocks of a tile.</summary>
    /// <param name="tile">The tile, in its place.</param>
    /// <param name="memory">Room for <see cref="Floats"/>.</param>
    void Start(in AdditiveTile<TSimd, TVector, TMask> tile, float* memory);

    /// <summary>Computes the gradients of the scores of a block, and packs its keys.</summary>
    /// <param name="tile">The tile; its <see cref="AdditiveTile{TSimd, TVector, TMask}.Ranges"/> then tell which columns are there.</param>
    /// <param name="block">The number of the block.</param>
    /// <param name="memory">The memory that was prepared.</param>
    /// <param name="values">The gradient of the values, <c>[key, value]</c>, to which that of this block is added.</param>
    /// <returns>The gradients, as scores lie; 0 where nothing may reach the keys. Null where there are none.</returns>
    float* Compute(ref AdditiveTile<TSimd, TVector, TMask> tile, int block, float* memory, float* values);
}
