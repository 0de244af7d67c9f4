using Attention.Comparison.Contenders.Own;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>A Transformer's layer against the peers; the result of the library's own is the one that must agree.</summary>
/// <param name="name">What the row is called.</param>
/// <param name="task">The layer.</param>
/// <param name="composed">Whether the peers compose the layer of their functions instead of using their own.</param>
internal sealed class LayerRow(string name, LayerTask task, bool composed = false) : PeerRow
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    protected override Field Choose(Setting setting, out Amount amount)
    {
        amount = Amount.Operations(task.Operations);
        return Field.Choose(new OwnLayer(task, setting.Threads), setting, peer => peer.Layer(task, composed, setting.Threads));
    }
}
