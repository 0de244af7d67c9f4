using System.Numerics;

namespace Attention.TestKit;

/// <summary>Attention by distances: a problem of attention, tables, and which row of them a pair reads.</summary>
public sealed record RelativeAttentionProblem<T>(AttentionProblem<T> Attention, int TableRows, Func<int, int, int> RowOf)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>One table, or one for each head.</summary>
    public int KeyTableHeads { get; init; } = 1;

    /// <summary>[tables, rows, headSize], added to keys; null means none.</summary>
    public T[]? KeyTable { get; init; }

    /// <summary>[rows, valueSize], added to values; null means none.</summary>
    public T[]? ValueTable { get; init; }

    /// <summary>[heads, headSize], added to queries that meet keys; null means none.</summary>
    public T[]? ContentBias { get; init; }

    /// <summary>[heads, headSize], added to queries that meet the key table; null means none.</summary>
    public T[]? PositionBias { get; init; }

    /// <summary>The same problem in another precision.</summary>
    public RelativeAttentionProblem<TOther> To<TOther>()
        where TOther : unmanaged, IFloatingPointIeee754<TOther> => new(Attention.To<TOther>(), TableRows, RowOf)
        {
            KeyTableHeads = KeyTableHeads,
            KeyTable = Convert<TOther>(KeyTable),
            ValueTable = Convert<TOther>(ValueTable),
            ContentBias = Convert<TOther>(ContentBias),
            PositionBias = Convert<TOther>(PositionBias),
        };

    private static TOther[]? Convert<TOther>(T[]? source)
        where TOther : unmanaged, IFloatingPointIeee754<TOther> => source is null ? null : Array.ConvertAll(source, TOther.CreateTruncating);
}
