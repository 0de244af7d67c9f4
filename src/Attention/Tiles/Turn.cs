namespace Attention.Tiles;

/// <summary>Waiting for one's turn at memory that several pieces of work add to.</summary>
internal static unsafe class Turn
{
    /// <summary>Waits until <paramref name="counter"/> has come to <paramref name="rank"/>; gives up when a piece of work has failed.</summary>
    internal static void Await(int* counter, int rank, int* failed)
    {
        SpinWait spin = default;
        while (Volatile.Read(ref *counter) < rank && Volatile.Read(ref *failed) == 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }
}
