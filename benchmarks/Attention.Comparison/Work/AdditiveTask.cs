namespace Attention.Comparison.Work;

/// <summary>One problem of additive attention, of one head.</summary>
internal sealed record AdditiveTask(int QueryLength, int KeyLength, int HiddenSize, int ValueSize)
{
    /// <summary>A tanh, the addition before it and the multiply-add after it, counted one by one as the library computes them.</summary>
    private const double OperationsOfATanh = 24;

    /// <summary>What the backward pass does with a tanh besides: its slope, and three sums.</summary>
    private const double OperationsOfASlope = 7;

    /// <summary>Whether the gradients of query, key, score vector and value are wanted too.</summary>
    internal bool Training { get; init; }

    /// <summary>Forward one tanh and one multiply-add a value; backward two and two, scores being computed again.</summary>
    internal double Operations
    {
        get
        {
            double tanh = (Training ? 3 * OperationsOfATanh + OperationsOfASlope : OperationsOfATanh) * HiddenSize;
            return (double)QueryLength * KeyLength * (tanh + (Training ? 3 : 1) * 2.0 * ValueSize);
        }
    }
}
