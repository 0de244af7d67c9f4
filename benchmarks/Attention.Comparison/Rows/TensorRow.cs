using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>A task of tensors against the peers, forward or with all gradients.</summary>
internal sealed class TensorRow(string name, TensorTask task, bool isTraining) : PeerRow
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    protected override Field Choose(Setting setting, out Amount amount)
    {
        amount = Amount.Operations(task.Operations(isTraining));
        return Field.Choose(
            Ours.Compute(task, isTraining, setting.Threads), setting, peer => peer.Compute(task, isTraining, setting.Threads));
    }
}
