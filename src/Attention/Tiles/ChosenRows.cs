using Attention.Execution;

namespace Attention.Tiles;

/// <summary>Where the results of chosen keys go; null addresses are not wanted.</summary>
internal unsafe struct ChosenResults
{
    internal int KeyValueHeads;
    internal int ValueSize;
    internal Operand Value;
    internal Operand Output;
    internal Operand LogProbability;
    internal Operand Entropy;

    /// <summary>The caller's choices, one a row.</summary>
    internal int* Choices;
}

/// <summary>Hands the results of some rows out: nothing is written before all rows have a key.</summary>
internal readonly unsafe struct ChosenRows(in ChoiceProblem problem, in ChosenResults results) : IParallelAction
{
    private readonly ChoiceProblem _problem = problem;
    private readonly ChosenResults _results = results;

    public void Invoke(int index)
    {
        GivenScores given = _problem.Given;
        nint end = Math.Min((index + 1) * given.PieceRows, given.Rows);
        for (nint row = index * given.PieceRows; row < end; row++)
        {
            GivenRow at = given.Row(row);
            int choice = _problem.Choices[row];
            _results.Choices[row] = choice;
            if (_results.Output.IsPresent)
            {
                int head = at.Head / (given.Heads / _results.KeyValueHeads);
                new ReadOnlySpan<float>(_results.Value.At(at.Batch, head, choice), _results.ValueSize)
                    .CopyTo(new Span<float>(_results.Output.At(at.Batch, at.Head, at.Query), _results.ValueSize));
            }

            if (_results.LogProbability.IsPresent)
            {
                *_results.LogProbability.At(at.Batch, at.Head, at.Query) = _problem.LogProbabilities[row];
            }

            if (_results.Entropy.IsPresent)
            {
                *_results.Entropy.At(at.Batch, at.Head, at.Query) = _problem.Entropies[row];
            }
        }
    }
}
