namespace Attention.Execution;

/// <summary>Independent pieces of work, numbered from 0. A struct, so that <see cref="WorkerTeam"/> needs no delegate.</summary>
internal interface IParallelAction
{
    /// <summary>Does piece <paramref name="index"/>; may run on any thread, at the same time as other pieces.</summary>
    void Invoke(int index);
}
