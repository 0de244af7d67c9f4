using Attention.Comparison.Contenders.Own;
using Attention.Comparison.Measuring;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>A layer on the tape against the same backend calls by hand; the ratio is how fast the tape is beside them.</summary>
internal sealed class TapeRow(string name, LayerTask task) : IRow
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public bool Quick => true;

    /// <inheritdoc/>
    public RowResult Measure(Setting setting)
    {
        using var own = new OwnLayer(task, setting.Threads);
        using var other = new OwnLayerByHand(task, setting.Threads);
        own.Run();
        other.Run();
        if (Agreement.Difference(other.Result(), own.Result()) is { } difference)
        {
            throw new WrongResultException($"{name}: the tape {difference}");
        }

        Amount amount = Amount.Operations(task.Operations);
        Measured measured = Measured.Of(setting, amount, [own, other]);
        return new RowResult
        {
            Name = name,
            Amount = amount,
            Seconds = measured.Seconds(0),
            Share = measured.Share,
            Ratio = $"{measured.Ratio(0, 1):F2}x",
            Notes = ["ratio to the same calls by hand, without a tape"],
        };
    }
}
