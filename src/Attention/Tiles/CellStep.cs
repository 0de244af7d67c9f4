namespace Attention.Tiles;

/// <summary>One row at one step of a recurrence, forwards.</summary>
internal unsafe struct CellStep
{
    /// <summary>Numbers of the state.</summary>
    internal nint Size;

    /// <summary>The input's share of every gate, one gate after the other.</summary>
    internal float* Input;

    /// <summary>In: the products of the gates. Out: what the way back needs.</summary>
    internal float* Parts;

    /// <summary>The state, before and after.</summary>
    internal float* Hidden;

    /// <summary>The memory cell, before and after, if there is one.</summary>
    internal float* Cell;
}
