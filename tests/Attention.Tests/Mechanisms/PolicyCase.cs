using Attention.Mechanisms;
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

    /// <summary>Computes the scores of all heads and queries, row-major.</summary>
    public abstract float[] Scores(AttentionMemory memory, ScoreStage stage, in AttentionOptions options = default);

    public override string ToString() => Name;
}
