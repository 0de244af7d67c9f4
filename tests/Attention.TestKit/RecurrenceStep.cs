namespace Attention.TestKit;

/// <summary>What one step of a recurrence computed for one sequence.</summary>
internal sealed class RecurrenceStep<T>(int gates, int size)
    where T : unmanaged
{
    internal T[][] Gates { get; } = [.. Enumerable.Range(0, gates).Select(_ => new T[size])];

    /// <summary>Each gate's product with its bias.</summary>
    internal T[][] Products { get; } = [.. Enumerable.Range(0, gates).Select(_ => new T[size])];

    internal required T[] Before { get; init; }

    internal required T[] CellBefore { get; init; }

    internal T[] Hidden { get; set; } = [];

    internal T[] Cell { get; set; } = new T[size];

    /// <summary>The state behind the reset gate, where the third gate's product takes that.</summary>
    internal T[]? Reset { get; set; }
}
