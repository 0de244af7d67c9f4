using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Attention.Comparison.Contenders;
using Attention.Comparison.Machine;
using Attention.Comparison.Rows;

namespace Attention.Comparison;

/// <summary>Writes rows as markdown.</summary>
internal static class Table
{
    /// <summary>Where, when and against what.</summary>
    internal static string Heading(IReadOnlyList<IPeer> peers)
    {
        var text = new StringBuilder();
        text.AppendJoin(
            ", ",
            Processor.Name,
            RuntimeInformation.FrameworkDescription,
            RuntimeInformation.OSDescription,
            DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        text.Append("; ").AppendJoin(", ", peers.Select(peer => $"{peer.Name} {peer.Version}")).AppendLine(".");
        return text.ToString();
    }

    /// <summary>One line while the others are still to come.</summary>
    internal static string Progress(int threads, RowResult row) =>
        $"{threads} thread(s), {row.Name}: {Amount.Time(row.Seconds)}, {row.Amount.Rate(row.Seconds)}, {100 * row.Share:F0}%; "
        + $"peers {string.Join(", ", row.Peers)}; {row.Ratio}";

    internal static string Markdown(Setting setting, IReadOnlyList<RowResult> rows)
    {
        var text = new StringBuilder();
        var notes = new List<string>();
        Limits limits = setting.Limits;
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.Append(culture, $"**{setting.Threads} {(setting.Threads == 1 ? "thread" : "threads")}**, ");
        text.Append(culture, $"FMA peak {limits.OperationsPerSecond / 1e9:F1} GFLOP/s, ");
        text.AppendLine(culture, $"read bandwidth {limits.BytesPerSecond / 1e9:F1} GB/s:").AppendLine();
        Append(text, ["work", "time", "rate", "of limit", .. setting.Peers.Select(peer => peer.Name), "ratio", "notes"]);
        Append(text, ["---", .. Enumerable.Repeat("---:", 4 + setting.Peers.Count), "---"]);
        foreach (RowResult row in rows)
        {
            string time = Amount.Time(row.Seconds);
            string rate = row.Amount.Rate(row.Seconds);
            string share = $"{100 * row.Share:F0}%";
            Append(text, [row.Name, time, rate, share, .. row.Peers, row.Ratio, References(row, notes)]);
        }

        text.AppendLine();
        for (int i = 0; i < notes.Count; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{i + 1}. {notes[i]}");
        }

        return text.ToString();
    }

    // Most notes recur, so rows give their numbers.
    private static string References(RowResult row, List<string> notes)
    {
        var numbers = new List<int>();
        foreach (string note in row.Notes)
        {
            if (!notes.Contains(note))
            {
                notes.Add(note);
            }

            numbers.Add(notes.IndexOf(note) + 1);
        }

        return string.Join(", ", numbers);
    }

    private static void Append(StringBuilder text, IEnumerable<string> cells) =>
        text.Append("| ").AppendJoin(" | ", cells).AppendLine(" |");
}
