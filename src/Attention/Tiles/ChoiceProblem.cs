namespace Attention.Tiles;

/// <summary>How a key is chosen for every row of scores, and where that is noted.</summary>
internal unsafe struct ChoiceProblem
{
    /// <summary>In the place of a choice: no key is allowed, or all that are have a score of negative infinity.</summary>
    internal const int NoKey = -1;

    /// <summary>In the place of a choice: the scores have no softmax, being NaN or positive infinity.</summary>
    internal const int NoSoftmax = -2;

    /// <summary>In the place of a choice: the key that was given has no chance.</summary>
    internal const int Hidden = -3;

    internal GivenScores Given;

    /// <summary>Whether the choices are there already.</summary>
    internal bool IsGiven;

    /// <summary>Whether keys are drawn; otherwise the largest score is chosen.</summary>
    internal bool IsSampled;

    internal ulong Seed;

    /// <summary>One a row.</summary>
    internal int* Choices;

    /// <summary>One a row: ln of the chosen key's weight.</summary>
    internal float* LogProbabilities;

    /// <summary>One a row: -sum(a ln a).</summary>
    internal float* Entropies;
}
