namespace Pronounce;

/// <summary>Words to learn and words held out.</summary>
internal sealed class Lexicon
{
    /// <summary>Of so many words one is held out.</summary>
    private const int HeldOutShare = 10;

    /// <summary>Longer words, of which there are three, would make tensors large for nothing.</summary>
    private const int MostLetters = 20;

    private Lexicon(Entry[] training, Entry[] heldOut)
    {
        Training = training;
        HeldOut = heldOut;
    }

    internal Entry[] Training { get; }

    internal Entry[] HeldOut { get; }

    /// <summary>Reads a dictionary, and deals its words out by a seed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="words">How many words to take; 0 for all.</param>
    /// <param name="seed">Decides which, and which are held out.</param>
    internal static Lexicon Read(string path, int words, int seed)
    {
        Entry[] entries = Parse(File.ReadLines(path));
        new Random(seed).Shuffle(entries);
        if (words > 0 && words < entries.Length)
        {
            entries = entries[..words];
        }

        int heldOut = Math.Max(1, entries.Length / HeldOutShare);
        return new Lexicon(entries[heldOut..], entries[..heldOut]);
    }

    private static Entry[] Parse(IEnumerable<string> lines)
    {
        Dictionary<string, List<int[]>> pronunciations = [];
        foreach (string line in lines)
        {
            string[] parts = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 2)
            {
                continue;
            }

            string word = parts[0].Split('(')[0];
            if (word.Length <= MostLetters && Symbols.OfWord(word) is not null)
            {
                if (!pronunciations.TryGetValue(word, out List<int[]>? known))
                {
                    pronunciations[word] = known = [];
                }

                known.Add([.. parts[1..].Select(Symbols.OfPhoneme)]);
            }
        }

        return [.. pronunciations.Select(pair => new Entry(pair.Key, Symbols.OfWord(pair.Key)!, [.. pair.Value]))];
    }
}
