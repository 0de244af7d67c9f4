namespace Pronounce;

/// <summary>
/// The phoneme error rate: how many phonemes must be changed, added or left out to make the nearest pronunciation of the dictionary of
/// what was said, for each phoneme of that one.
/// </summary>
internal sealed class ErrorRate
{
    /// <summary>The longest words of each group, in letters.</summary>
    private static readonly int[] s_groups = [4, 6, 8, 10, int.MaxValue];

    private readonly int[] _words = new int[s_groups.Length];
    private readonly int[] _errors = new int[s_groups.Length];
    private readonly int[] _phonemes = new int[s_groups.Length];
    private int _right;

    internal static IReadOnlyList<string> Groups { get; } = ["1-4", "5-6", "7-8", "9-10", "11 and more"];

    internal double Whole => (double)_errors.Sum() / Math.Max(1, _phonemes.Sum());

    /// <summary>The share of words with an error.</summary>
    internal double Words => 1 - (double)_right / Math.Max(1, _words.Sum());

    internal int WordsOf(int group) => _words[group];

    internal double Of(int group) => (double)_errors[group] / Math.Max(1, _phonemes[group]);

    /// <summary>Lets a model pronounce words that it has not seen.</summary>
    internal static ErrorRate Measure(PronunciationModel model, Entry[] entries)
    {
        const int BatchSize = 128;
        ErrorRate rate = new();
        foreach (Entry[] chunk in entries.OrderBy(entry => entry.Letters.Length).Chunk(BatchSize))
        {
            Pronunciation[] spoken = model.Pronounce([.. chunk.Select(entry => entry.Letters)], wantsWeights: false);
            for (int i = 0; i < chunk.Length; i++)
            {
                rate.Add(chunk[i], spoken[i].Phonemes);
            }
        }

        return rate;
    }

    private void Add(Entry entry, int[] spoken)
    {
        (int distance, int length) = entry.Pronunciations.Select(right => (Distance(right, spoken), right.Length)).Min();
        int group = Array.FindIndex(s_groups, most => entry.Letters.Length <= most);
        _words[group]++;
        _errors[group] += distance;
        _phonemes[group] += length;
        _right += distance == 0 ? 1 : 0;
    }

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(int[] right, int[] spoken)
    {
        int[] row = [.. Enumerable.Range(0, spoken.Length + 1)];
        for (int i = 1; i <= right.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= spoken.Length; j++)
            {
                int changed = diagonal + (right[i - 1] == spoken[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[^1];
    }
}
