using Attention.Comparison.Contenders;
using Attention.Comparison.Measuring;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>A causal window, which no peer can skip through: the library alone, and how its time grows with the length.</summary>
internal sealed class WindowRow(int length, int window) : IRow
{
    private const int Size = 64;

    /// <inheritdoc/>
    public string Name => $"causal, window {window}, {length} x {Size}";

    /// <inheritdoc/>
    public bool Quick => true;

    /// <inheritdoc/>
    public RowResult Measure(Setting setting)
    {
        AttentionTask whole = AttentionTask.Square(length, Size) with { Causal = true, Window = window };
        using IContender own = Checked(whole, setting.Threads);
        using IContender half = Checked(whole with { QueryLength = length / 2, KeyLength = length / 2 }, setting.Threads);
        Amount amount = Amount.Operations(whole.Operations);
        Measured measured = Measured.Of(setting, amount, [own, half]);
        return new RowResult
        {
            Name = Name,
            Amount = amount,
            Seconds = measured.Seconds(0),
            Share = measured.Share,
            Notes = [$"{measured.Ratio(1, 0):F2} times as long as half the length"],
        };
    }

    private IContender Checked(AttentionTask task, int threads)
    {
        var data = new AttentionData(task);
        IContender own = Ours.Attend(data, threads);
        own.Run();
        (float[] expected, float[] actual) = SpotCheck.Rows(data, own.Result());
        return Agreement.Difference(expected, actual) is { } difference
            ? throw new WrongResultException($"{Name}: Attention {difference}")
            : own;
    }
}
