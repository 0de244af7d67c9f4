using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A mask and a modifier, as the library's structs and as the reference's formulas.</summary>
internal abstract class PolicyCase(string name)
{
    public string Name { get; } = name;

    /// <summary>The problem with this mask and modifier, for the reference.</summary>
    public abstract AttentionProblem<float> Apply(AttentionProblem<float> problem);

    /// <summary>Computes output and log-sum-exp into <paramref name="memory"/>.</summary>
    public abstract void Forward(AttentionMemory memory, in AttentionOptions options = default);

    /// <summary>Computes every gradient into <paramref name="memory"/>, which must hold what forward gave.</summary>
    public abstract void Backward(AttentionMemory memory, in AttentionOptions options = default);

    /// <summary>
    /// Computes scores of the chosen heads and queries (none means all), row-major; with <paramref name="logSumExp"/> from
    /// what forward gave.
    /// </summary>
    public abstract float[] Scores(
        AttentionMemory memory, ScoreStage stage, int[] heads, int[] queries, bool logSumExp, in AttentionOptions options = default);

    public override string ToString() => Name;
}
