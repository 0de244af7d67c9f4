namespace Attention.Tiles;

/// <summary>Rows of scores that are given, and what is made of them: [batch, head, query, key], keys side by side.</summary>
internal struct RowProblem
{
    internal int Batch;
    internal int Heads;
    internal int QueryLength;
    internal int KeyLength;
    internal Operand Scores;

    /// <summary>Written by the forward pass, read by the backward pass.</summary>
    internal Operand Weights;
    internal Operand WeightGradient;
    internal Operand ScoreGradient;
}
