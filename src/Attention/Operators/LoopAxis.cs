using System.Runtime.InteropServices;

namespace Attention.Operators;

/// <summary>One axis of a loop: its length and, per operand, the distance in floats from one step to the next.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LoopAxis
{
    internal nint Length;
    internal nint First;
    internal nint Second;
    internal nint Third;
    internal nint Fourth;

    /// <summary>Whether a step along this axis is a whole turn of <paramref name="inner"/>, for every operand.</summary>
    internal readonly bool Continues(in LoopAxis inner) =>
        First == inner.First * inner.Length && Second == inner.Second * inner.Length
        && Third == inner.Third * inner.Length && Fourth == inner.Fourth * inner.Length;
}
