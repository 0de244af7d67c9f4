using Attention.Comparison.Measuring;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>Attention against the peers.</summary>
internal sealed class AttentionRow(string name, AttentionTask task) : PeerRow
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <summary>Whether memory is the limit, not arithmetic.</summary>
    internal bool ReadsMemory { get; init; }

    /// <inheritdoc/>
    protected override Field Choose(Setting setting, out Amount amount)
    {
        amount = ReadsMemory ? Amount.Bytes(task.KeyValueBytes) : Amount.Operations(task.Operations);
        var data = new AttentionData(task);
        Field field = Field.Choose(Ours.Attend(data, setting.Threads), setting, peer => peer.Attend(data, setting.Threads));
        (float[] expected, float[] actual) = SpotCheck.Rows(data, field.Own.Result());
        return Agreement.Difference(expected, actual) is { } difference
            ? throw new WrongResultException($"{name}: Attention {difference}")
            : field;
    }
}
