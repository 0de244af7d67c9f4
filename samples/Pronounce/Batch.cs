namespace Pronounce;

/// <summary>Words of about the same length side by side, padded with zeros, and what the decoder is to say.</summary>
internal sealed class Batch
{
    /// <summary>A target that does not count.</summary>
    private const int Ignored = -1;

    private Batch((int[] Letters, int[] Phonemes)[] pairs)
    {
        Count = pairs.Length;
        Lengths = [.. pairs.Select(pair => pair.Letters.Length)];
        Length = Lengths.Max();
        Letters = new int[Count * Length];
        Steps = pairs.Max(pair => pair.Phonemes.Length) + 1;
        Inputs = new int[Steps * Count];
        Targets = new int[Steps * Count];
        Array.Fill(Targets, Ignored);
        for (int i = 0; i < Count; i++)
        {
            (int[] letters, int[] phonemes) = pairs[i];
            letters.CopyTo(Letters, i * Length);
            for (int step = 0; step <= phonemes.Length; step++)
            {
                Inputs[(step * Count) + i] = step == 0 ? Symbols.Boundary : phonemes[step - 1];
                Targets[(step * Count) + i] = step == phonemes.Length ? Symbols.Boundary : phonemes[step];
            }
        }
    }

    internal int Count { get; }

    internal int Length { get; }

    internal int[] Lengths { get; }

    /// <summary><c>[Count, Length]</c>.</summary>
    internal int[] Letters { get; }

    /// <summary>Phonemes of the longest word, and its end.</summary>
    internal int Steps { get; }

    /// <summary>What the decoder is given, <c>[Steps, Count]</c>.</summary>
    internal int[] Inputs { get; }

    /// <summary>What it is to say, <c>[Steps, Count]</c>.</summary>
    internal int[] Targets { get; }

    /// <summary>Words to be pronounced, in their order.</summary>
    internal static Batch OfWords(IEnumerable<int[]> words) => new([.. words.Select(letters => (letters, Array.Empty<int>()))]);

    /// <summary>Every pronunciation once, sorted by length into batches, the batches in random order.</summary>
    internal static Batch[] Deal(Entry[] entries, int size, Random random)
    {
        (int[] Letters, int[] Phonemes)[] pairs =
            [.. entries.SelectMany(entry => entry.Pronunciations.Select(phonemes => (entry.Letters, phonemes)))];
        random.Shuffle(pairs);
        Batch[] batches =
        [
            .. pairs.OrderBy(pair => pair.Letters.Length).ThenBy(pair => pair.Phonemes.Length).Chunk(size).Select(chunk => new Batch(chunk)),
        ];
        random.Shuffle(batches);
        return batches;
    }
}
