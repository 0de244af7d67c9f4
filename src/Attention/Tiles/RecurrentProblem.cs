namespace Attention.Tiles;

/// <summary>A recurrence as its kernels see it. Tensors are [batch, position, column] or [batch, column].</summary>
internal unsafe struct RecurrentProblem
{
    internal int Batch;

    /// <summary>Positions of the tensors; sequences may be shorter.</summary>
    internal int Length;

    /// <summary>Numbers of the state.</summary>
    internal int Size;

    /// <summary>Whether the last position of a sequence comes first.</summary>
    internal bool IsReversed;

    /// <summary>The length of each sequence; null where all fill the tensors.</summary>
    internal int* Lengths;

    /// <summary>The input's shares of the gates.</summary>
    internal Operand InputGates;

    /// <summary>[gates x size, size], by its row stride.</summary>
    internal Operand Weight;

    /// <summary>[gates x size], or absent.</summary>
    internal float* Bias;

    internal Operand InitialState;
    internal Operand InitialCell;
    internal Operand Output;
    internal Operand FinalState;
    internal Operand FinalCell;

    /// <summary>What the steps leave for the way back.</summary>
    internal Operand Trace;

    internal readonly int LengthOf(int batch) => Lengths == null ? Length : Lengths[batch];

    /// <summary>The position that a sequence is at in a step.</summary>
    internal readonly int Position(int step, int length) => IsReversed ? length - 1 - step : step;

    /// <summary>Positions of all sequences together.</summary>
    internal readonly nint Positions
    {
        get
        {
            nint sum = 0;
            for (int batch = 0; batch < Batch; batch++)
            {
                sum += LengthOf(batch);
            }

            return sum;
        }
    }
}
