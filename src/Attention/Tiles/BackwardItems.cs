namespace Attention.Tiles;

/// <summary>
/// The pieces of work of the backward pass: every block of keys of every key head. Heads run fastest, so that threads rarely work
/// on the same head and wait for each other's turn; <see cref="BiasTurns"/> relies on the order.
/// </summary>
internal readonly struct BackwardItems
{
    private readonly int _batch;
    private readonly int _heads;
    private readonly int _blocks;

    internal BackwardItems(in BackwardProblem backward, in BackwardPlan plan)
    {
        _batch = backward.Forward.Batch;
        _heads = backward.Forward.KeyValueHeads;
        _blocks = plan.Blocks;
    }

    internal int Count => checked(_batch * _heads * _blocks);

    internal (int Batch, int KeyHead, int Block) this[int index] => (index / _heads % _batch, index % _heads, index / _heads / _batch);
}
