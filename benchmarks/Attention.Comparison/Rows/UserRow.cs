using Attention.Comparison.Contenders;
using Attention.Comparison.Measuring;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>A user's own policy against the equal one of the library; the ratio is how fast the user's is beside it.</summary>
internal sealed class UserRow(
    string name,
    AttentionTask task,
    Func<AttentionData, int, IContender> builtIn,
    Func<AttentionData, int, IContender> users) : IRow
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public bool Quick => true;

    /// <inheritdoc/>
    public RowResult Measure(Setting setting)
    {
        var data = new AttentionData(task);
        using IContender own = users(data, setting.Threads);
        using IContender other = builtIn(data, setting.Threads);
        own.Run();
        other.Run();
        if (Agreement.Difference(other.Result(), own.Result()) is { } difference)
        {
            throw new WrongResultException($"{name}: the user's {difference}");
        }

        double[][] seconds = PairedTiming.Measure([own, other], setting.Effort);
        return new RowResult
        {
            Name = name,
            Amount = Amount.Operations(task.Operations),
            Seconds = Statistics.Median(seconds[0]),
            Ratio = $"{Statistics.PairedRatio(seconds[1], seconds[0]):F2}x",
            Notes = ["ratio to the library's own policy"],
        };
    }
}
