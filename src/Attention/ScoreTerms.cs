using System.Numerics.Tensors;

namespace Attention;

/// <summary>What takes part in the softmax besides <c>q.k</c>; the default value is nothing.</summary>
public readonly ref struct ScoreTerms
{
    /// <summary>
    /// Added to the scores after the modifier: shape <c>[batch, heads, queryLength, keyLength]</c>, where any axis may be 1
    /// and is then broadcast; leading axes may be left out. Negative infinity hides a pair. Absent if its rank is 0.
    /// </summary>
    public ReadOnlyTensorSpan<float> Bias { get; init; }

    /// <summary>
    /// One logit per head, shape <c>[heads]</c>, that takes part in the normaliser of every row and has no value: the
    /// weights of a row then sum to less than one. Absent if empty.
    /// </summary>
    public ReadOnlySpan<float> SinkLogits { get; init; }
}
