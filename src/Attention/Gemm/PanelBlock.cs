namespace Attention.Gemm;

/// <summary>
/// Where the micro-kernel finds the panels (six rows of A, or one tile's columns of B) of one operand over one block of
/// the depth: packed, or in place where the operand's own layout will do.
/// </summary>
internal unsafe struct PanelBlock
{
    /// <summary>Panel i starts <c>i * Distance</c> floats behind this.</summary>
    internal float* First;
    internal nint Distance;

    /// <summary>Distance between the rows of A, or columns of B, within a panel.</summary>
    internal nint Lane;

    /// <summary>Distance between the steps of the depth.</summary>
    internal nint Step;

    /// <summary>The last panel where it is incomplete: always packed, and padded with zeros to <see cref="TailStep"/> lanes.</summary>
    internal float* Tail;
    internal nint TailStep;
}
