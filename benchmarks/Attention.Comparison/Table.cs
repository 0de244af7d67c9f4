using System.Globalization;
using System.Text;
using Attention.Comparison.Machine;
using Attention.Comparison.Rows;

namespace Attention.Comparison;

/// <summary>Writes rows as markdown.</summary>
internal static class Table
{
    internal static string Markdown(Setting setting, Limits limits, IReadOnlyList<RowResult> rows)
    {
        var text = new StringBuilder();
        var notes = new List<string>();
        text.AppendLine(CultureInfo.InvariantCulture, $"**{setting.Threads} {(setting.Threads == 1 ? "thread" : "threads")}**: FMA peak {limits.OperationsPerSecond / 1e9:F1} GFLOP/s, read bandwidth {limits.BytesPerSecond / 1e9:F1} GB/s");
        text.AppendLine();
        Append(text, ["work (float32; 8 heads unless said)", "time", "rate", "of limit", .. setting.Peers.Select(peer => peer.Name), "ratio", "notes"]);
        Append(text, [.. Enumerable.Repeat("---", 6 + setting.Peers.Count)]);
        foreach (RowResult row in rows)
        {
            Append(text, [row.Name, Amount.Time(row.Seconds), row.Amount.Rate(row.Seconds), row.Amount.Share(row.Seconds, limits), .. row.Peers.DefaultIfEmpty("-"), row.Ratio, References(row, notes)]);
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

    private static void Append(StringBuilder text, IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).AppendLine(" |");
}
