namespace Pronounce;

/// <summary>Letters and phonemes as numbers.</summary>
internal static class Symbols
{
    /// <summary>What a decoder is given before the first phoneme, and what it gives after the last.</summary>
    internal const int Boundary = 0;

    private const string Letters = "'abcdefghijklmnopqrstuvwxyz";

    private static readonly string[] s_phonemes =
    [
        "", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K", "L", "M", "N",
        "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
    ];

    internal static int LetterCount => Letters.Length;

    internal static int PhonemeCount => s_phonemes.Length;

    /// <summary>The numbers of a word's letters, or null if it has others.</summary>
    internal static int[]? OfWord(string word)
    {
        int[] letters = [.. word.ToLowerInvariant().Select(letter => Letters.IndexOf(letter, StringComparison.Ordinal))];
        return letters.Length == 0 || letters.Contains(-1) ? null : letters;
    }

    /// <summary>The number of a phoneme, whose stress, a digit at its end, is left out.</summary>
    internal static int OfPhoneme(string phoneme)
    {
        int number = Array.IndexOf(s_phonemes, phoneme.TrimEnd('0', '1', '2'));
        return number > 0 ? number : throw new InvalidDataException($"There is no phoneme '{phoneme}'.");
    }

    internal static string Phoneme(int number) => s_phonemes[number];

    internal static string Text(ReadOnlySpan<int> phonemes) => string.Join(' ', phonemes.ToArray().Select(Phoneme));
}
