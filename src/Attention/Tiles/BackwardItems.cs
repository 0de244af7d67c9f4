namespace Attention.Tiles;

/// <summary>
/// The pieces of work of the backward pass: every block of keys of every key head. Where a bias gradient sums over batch,
/// heads or keys, the pieces that share its elements are one piece, done in order by one thread.
/// </summary>
internal readonly struct BackwardItems
{
    private readonly int _batch;
    private readonly int _heads;
    private readonly int _blocks;
    private readonly bool _joinBatch;
    private readonly bool _joinHeads;
    private readonly bool _joinBlocks;

    internal BackwardItems(in BackwardProblem backward, in BackwardPlan plan)
    {
        _batch = backward.Forward.Batch;
        _heads = backward.Forward.KeyValueHeads;
        _blocks = plan.Blocks;
        if (backward.BiasGradient.IsPresent)
        {
            _joinBatch = backward.BiasGradient.BatchStride == 0;
            _joinHeads = backward.BiasGradient.HeadStride == 0;
            _joinBlocks = backward.BiasGradientKeyStride == 0;
        }
    }

    internal int Count => checked(Batches * Heads * Blocks);

    private int Batches => _joinBatch ? Math.Min(_batch, 1) : _batch;

    private int Heads => _joinHeads ? Math.Min(_heads, 1) : _heads;

    private int Blocks => _joinBlocks ? Math.Min(_blocks, 1) : _blocks;

    /// <summary>Heads run fastest, so that threads rarely work on the same head and wait for each other's turn.</summary>
    internal (IndexRange Batches, IndexRange Heads, IndexRange Blocks) this[int index]
    {
        get
        {
            int head = index % Heads;
            int batch = index / Heads % Batches;
            int block = index / Heads / Batches;
            return (Range(_joinBatch, batch, _batch), Range(_joinHeads, head, _heads), Range(_joinBlocks, block, _blocks));
        }
    }

    private static IndexRange Range(bool join, int index, int count) => join ? new IndexRange(0, count) : new IndexRange(index, index + 1);
}
