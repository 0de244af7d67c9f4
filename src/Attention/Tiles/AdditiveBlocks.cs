using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The scores of additive attention as they are, one tile of queries by one block of keys a piece: without a softmax blocks do not
/// meet, so that a single query still gives work to several threads.
/// </summary>
internal readonly unsafe struct AdditiveBlocks<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly AdditiveProblem _problem;
    private readonly WorkItems _items;
    private readonly Operand _destination;
    private readonly int _blocks;

    internal AdditiveBlocks(in AdditiveProblem problem, in WorkItems items, in Operand destination)
    {
        _problem = problem;
        _items = items;
        _destination = destination;
        int blockKeys = AdditiveTile<TSimd, TVector, NoMask>.BlockKeys(problem.Attention.HeadSize);
        _blocks = (int)(((long)problem.Attention.KeyLength + blockKeys - 1) / blockKeys);
    }

    internal int Count => checked(_items.Count * _blocks);

    public void Invoke(int index)
    {
        (int item, int block) = Math.DivRem(index, _blocks);
        AdditiveTile<TSimd, TVector, NoMask> tile = new(_problem, default, _items[item]);
        using Scratch.Rental rental = Scratch.Rent(tile.Floats);
        tile.Place(rental.Memory);
        tile.Compute(block);
        tile.CopyScores(_destination);
    }
}
