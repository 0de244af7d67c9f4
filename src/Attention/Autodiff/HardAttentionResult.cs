namespace Attention.Autodiff;

/// <summary>What <see cref="Differentiable.HardAttention"/> gives; dispose it when its variables are no longer needed.</summary>
public sealed class HardAttentionResult : IDisposable
{
    internal HardAttentionResult(Variable output, Variable logProbability, Variable entropy, int[] choices)
    {
        Output = output;
        LogProbability = logProbability;
        Entropy = entropy;
        Choices = choices;
    }

    /// <summary>The chosen values, <c>[batch, heads, queryLength, valueSize]</c>; their gradient goes to the values alone.</summary>
    public Variable Output { get; }

    /// <summary>ln of the chosen keys' weights, <c>[batch, heads, queryLength]</c>; its gradient goes to the scores.</summary>
    public Variable LogProbability { get; }

    /// <summary><c>-sum(a ln a)</c> of every row, <c>[batch, heads, queryLength]</c>; its gradient goes to the scores.</summary>
    public Variable Entropy { get; }

    /// <summary>The chosen keys, <c>[batch, heads, queryLength]</c> row-major.</summary>
    public IReadOnlyList<int> Choices { get; }

    /// <summary>Disposes the variables.</summary>
    public void Dispose()
    {
        Output.Dispose();
        LogProbability.Dispose();
        Entropy.Dispose();
    }
}
