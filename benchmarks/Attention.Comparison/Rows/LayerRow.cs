using Attention.Comparison.Contenders.Own;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>A Transformer's layer against the peers; the result of the library's own is the one that must agree.</summary>
internal sealed class LayerRow(string name, LayerTask task) : PeerRow
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    protected override Field Choose(Setting setting, out Amount amount)
    {
        amount = Amount.Operations(task.Operations);
        return Field.Choose(new OwnLayer(task, setting.Threads), setting, peer => peer.Layer(task, setting.Threads));
    }
}
