using Attention.Comparison.Contenders;
using Attention.Comparison.Measuring;

namespace Attention.Comparison.Rows;

/// <summary>The times of a row's contenders, and the machine's limit in the same rounds.</summary>
internal sealed class Measured
{
    private readonly double[][] _seconds;

    private Measured(double[][] seconds, double share)
    {
        _seconds = seconds;
        Share = share;
    }

    /// <summary>How much of the limit the first contender reached.</summary>
    internal double Share { get; }

    /// <summary>Times all in turn, the limit that counts for <paramref name="amount"/> among them.</summary>
    internal static Measured Of(Setting setting, Amount amount, IReadOnlyList<IContender> contenders)
    {
        double[][] seconds = PairedTiming.Measure([.. contenders, setting.Limits.Contender(amount.IsBytes)], setting.Effort);
        double atLimit = amount.Count / setting.Limits.CountPerRun(amount.IsBytes);
        return new Measured(seconds, atLimit * Statistics.PairedRatio(seconds[^1], seconds[0]));
    }

    /// <summary>How long a contender takes.</summary>
    internal double Seconds(int contender) => Statistics.Median(_seconds[contender]);

    /// <summary>How many times as fast as another one a contender is.</summary>
    internal double Ratio(int contender, int other) => Statistics.PairedRatio(_seconds[other], _seconds[contender]);
}
