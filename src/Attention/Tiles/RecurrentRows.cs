namespace Attention.Tiles;

/// <summary>
/// The sequences of one piece of work, longest first: at every step those that are still running are the first ones, so that their
/// states are one matrix without gaps.
/// </summary>
internal unsafe struct RecurrentRows
{
    /// <summary>
    /// Sequences of a piece: three register tiles of a matrix product. Fewer would read the weight more often; more would leave threads
    /// without work in batches of the usual sizes.
    /// </summary>
    internal const int Most = 18;

    private fixed int _batch[Most];
    private fixed int _length[Most];
    private fixed long _start[Most];

    internal RecurrentRows(in RecurrentProblem problem, int first)
    {
        Count = Math.Min(Most, problem.Batch - first);
        long start = 0;
        for (int batch = 0; batch < first; batch++)
        {
            start += problem.LengthOf(batch);
        }

        for (int i = 0; i < Count; i++)
        {
            int length = problem.LengthOf(first + i);
            int place = i;
            for (; place > 0 && _length[place - 1] < length; place--)
            {
                _batch[place] = _batch[place - 1];
                _length[place] = _length[place - 1];
                _start[place] = _start[place - 1];
            }

            _batch[place] = first + i;
            _length[place] = length;
            _start[place] = start;
            start += length;
        }
    }

    internal int Count { get; }

    /// <summary>Steps of the longest sequence.</summary>
    internal readonly int Steps => _length[0];

    internal readonly int Batch(int row) => _batch[row];

    internal readonly int Length(int row) => _length[row];

    /// <summary>Positions of all sequences before this one, in the order of the batch.</summary>
    internal readonly nint Start(int row) => (nint)_start[row];

    /// <summary>How many sequences have a step of this number.</summary>
    internal readonly int Running(int step)
    {
        int running = Count;
        while (running > 0 && _length[running - 1] <= step)
        {
            running--;
        }

        return running;
    }

    /// <summary>Pieces that a batch makes.</summary>
    internal static int Pieces(int batch) => (batch + Most - 1) / Most;
}
