namespace Attention.Comparison.Rows;

/// <summary>The cells of a row.</summary>
internal sealed record RowResult
{
    internal required string Name { get; init; }

    /// <summary>How much work a run is.</summary>
    internal required Amount Amount { get; init; }

    /// <summary>How long the library takes for it.</summary>
    internal required double Seconds { get; init; }

    /// <summary>How much of the machine's limit in the same minutes that is.</summary>
    internal required double Share { get; init; }

    /// <summary>Work per second of each peer, and how many times as fast as it the library is.</summary>
    internal IReadOnlyList<string> Peers { get; init; } = ["-", "-"];

    /// <summary>How many times as fast as the faster peer the library is.</summary>
    internal string Ratio { get; init; } = "-";

    /// <summary>What a reader must know about the row: reasons, chosen operators.</summary>
    internal IReadOnlyList<string> Notes { get; init; } = [];
}
