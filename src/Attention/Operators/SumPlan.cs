namespace Attention.Operators;

/// <summary>How a sum is cut: into panels of sums and chunks of what goes into each.</summary>
internal readonly unsafe struct SumPlan
{
    /// <summary>Columns of sums at a time where rows are added up: they stay in the first cache.</summary>
    private const int MostColumns = 1024;

    internal SumPlan(in LoopAxes kept, in LoopAxes summed, float* partial, nint chunk, int chunks, bool alongRuns)
    {
        Kept = kept;
        Summed = summed;
        Partial = partial;
        Chunk = chunk;
        Chunks = chunks;
        AlongRuns = alongRuns;
        Cut = new PanelCut(kept.Rows, kept.Columns, MostColumns, PanelCut.PieceElements / chunk);
    }

    /// <summary>The axes of the destination; the second operand is the source.</summary>
    internal LoopAxes Kept { get; }

    /// <summary>The axes that are summed; the second operand is the source.</summary>
    internal LoopAxes Summed { get; }

    /// <summary>The sums of the chunks, <c>[Chunks, Kept.Elements]</c>.</summary>
    internal float* Partial { get; }

    internal nint Chunk { get; }

    internal int Chunks { get; }

    /// <summary>Whether the summed axes are those along which the source is contiguous.</summary>
    internal bool AlongRuns { get; }

    internal PanelCut Cut { get; }
}
