using Attention.TestKit;

namespace Attention.Comparison.Rows;

/// <summary>A product of square matrices against the peers.</summary>
internal sealed class MultiplyRow(int size) : PeerRow
{
    /// <inheritdoc/>
    public override string Name => $"SGEMM {size}";

    /// <inheritdoc/>
    protected override Field Choose(Setting setting, out Amount amount)
    {
        amount = Amount.Operations(2.0 * size * size * size);
        float[] left = AttentionProblems.Normal(new Random(1), size * size);
        float[] right = AttentionProblems.Normal(new Random(2), size * size);
        return Field.Choose(
            Ours.Multiply(left, right, size, setting.Threads),
            setting,
            peer => peer.Multiply(left, right, size, setting.Threads));
    }
}
