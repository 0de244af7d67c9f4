namespace Attention.Tiles;

/// <summary>The way back through a recurrence as its kernels see it.</summary>
internal unsafe struct RecurrentGradientProblem
{
    /// <summary>The recurrence, with its output and trace.</summary>
    internal RecurrentProblem Forward;

    internal Operand OutputGradient;
    internal Operand FinalStateGradient;
    internal Operand FinalCellGradient;
    internal Operand InputGatesGradient;
    internal Operand WeightGradient;

    /// <summary>[gates x size], or absent.</summary>
    internal float* BiasGradient;

    internal Operand InitialStateGradient;
    internal Operand InitialCellGradient;

    /// <summary>
    /// The gradients of the products at every position of every sequence, [positions, gates x size], sequence after sequence: with the
    /// states below they make the gradient of the weight in one product. Null if nobody asks for it.
    /// </summary>
    internal float* Gates;

    /// <summary>The states before the steps, [positions, size].</summary>
    internal float* Previous;

    /// <summary>What the gates after the direct ones had instead of the state, [positions, size], if there are such gates.</summary>
    internal float* Reset;
}
