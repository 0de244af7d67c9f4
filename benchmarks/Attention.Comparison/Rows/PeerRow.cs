using Attention.Comparison.Contenders;

namespace Attention.Comparison.Rows;

/// <summary>The library against its peers; the ratio is to the faster one.</summary>
internal abstract class PeerRow : IRow
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public bool Quick { get; init; } = true;

    /// <inheritdoc/>
    public RowResult Measure(Setting setting)
    {
        using Field field = Choose(setting, out Amount amount);
        IContender?[] peers = [.. field.Peers];
        Measured measured = Measured.Of(setting, amount, [field.Own, .. peers.OfType<IContender>()]);
        var cells = new List<string>();
        (double Seconds, double Ratio) faster = (double.PositiveInfinity, double.NaN);
        int next = 1;
        foreach (IContender? peer in peers)
        {
            if (peer is null)
            {
                cells.Add("-");
                continue;
            }

            double median = measured.Seconds(next);
            double ratio = measured.Ratio(0, next);
            cells.Add($"{amount.Rate(median)} ({ratio:F2}x)");
            if (median < faster.Seconds)
            {
                faster = (median, ratio);
            }

            next++;
        }

        return new RowResult
        {
            Name = Name,
            Amount = amount,
            Seconds = measured.Seconds(0),
            Share = measured.Share,
            Peers = cells,
            Ratio = double.IsNaN(faster.Ratio) ? "-" : $"{faster.Ratio:F2}x",
            Notes = field.Notes,
        };
    }

    /// <summary>Builds everybody who takes part, with results compared, and says how much work it is.</summary>
    protected abstract Field Choose(Setting setting, out Amount amount);
}
