using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>Additive attention against the peers.</summary>
internal sealed class AdditiveRow(string name, AdditiveTask task) : PeerRow
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    protected override Field Choose(Setting setting, out Amount amount)
    {
        amount = Amount.Operations(task.Operations);
        var data = new AdditiveData(task);
        return Field.Choose(Ours.Additive(data, setting.Threads), setting, peer => peer.Additive(data, setting.Threads));
    }
}
