using Attention.Comparison.Contenders.Own;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>Additive attention, of which the peers have to compose theirs; an operation is a hyperbolic tangent.</summary>
/// <param name="name">What the row is called.</param>
/// <param name="task">The work; its size is the hidden size and that of the values.</param>
internal sealed class AdditiveRow(string name, AttentionTask task) : PeerRow
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    protected override Field Choose(Setting setting, out Amount amount)
    {
        amount = Amount.Operations((double)task.Heads * task.QueryLength * task.KeyLength * task.Size);
        var data = new AttentionData(task);
        return Field.Choose(new OwnAdditive(data, setting.Threads), setting, peer => peer.Additive(data, setting.Threads));
    }
}
