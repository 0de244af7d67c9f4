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

        Amount amount = Amount.Operations(task.Operations);
        Measured measured = Measured.Of(setting, amount, [own, other]);
        return new RowResult
        {
            Name = name,
            Amount = amount,
            Seconds = measured.Seconds(0),
            Share = measured.Share,
            Ratio = $"{measured.Ratio(0, 1):F2}x",
            Notes = ["ratio to the library's own policy"],
        };
    }
}
