using System.Globalization;

namespace Pronounce;

/// <summary>What the command line says.</summary>
internal sealed record Options
{
    internal const string Usage =
        """
        Pronounce [options] [words]
          --attention none|bahdanau|luong-dot|luong-general|luong-local-p|location
                        how the decoder looks at the word (bahdanau)
          --compare     train without attention too, and print the error rates of both by length of word
          --words N     take N words of the dictionary, 2 or more (all of it)
          --epochs N    go through them N times (20; 5 with --full)
          --seed N      decides the first weights, the order and which words are held out (1)
          --full        the whole dictionary instead of the slice; get-dictionary.sh fetches it
          --retrain     train even if there is a model of these options
          --help        say this
        """;

    private static readonly Dictionary<string, AttentionKind> s_kinds = new()
    {
        ["none"] = AttentionKind.None,
        ["bahdanau"] = AttentionKind.Bahdanau,
        ["luong-dot"] = AttentionKind.LuongDot,
        ["luong-general"] = AttentionKind.LuongGeneral,
        ["luong-local-p"] = AttentionKind.LuongLocalP,
        ["location"] = AttentionKind.Location,
    };

    internal AttentionKind Attention { get; private init; } = AttentionKind.Bahdanau;

    internal bool Compares { get; private init; }

    internal int WordCount { get; private init; }

    internal int? ChosenEpochs { get; private init; }

    internal int Epochs => ChosenEpochs ?? (IsFull ? 5 : 20);

    internal int Seed { get; private init; } = 1;

    internal bool IsFull { get; private init; }

    internal bool Retrains { get; private init; }

    /// <summary>Whether only to say what the options are.</summary>
    internal bool WantsHelp { get; private init; }

    internal IReadOnlyList<string> Words { get; private init; } = [];

    /// <summary>Where the dictionary lies.</summary>
    internal string Dictionary => Path.Combine(AppContext.BaseDirectory, IsFull ? "Downloads/cmudict.txt" : "Data/cmudict-slice.txt");

    /// <summary>Where a model of these options lies; another option, another file.</summary>
    internal string ModelPath(AttentionKind kind) => Path.Combine(
        AppContext.BaseDirectory, "Models",
        $"{Name(kind)}-{(IsFull ? "full" : "slice")}-{WordCount}-{Epochs}-{Seed}.safetensors");

    internal static string Name(AttentionKind kind) => s_kinds.First(pair => pair.Value == kind).Key;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="ArgumentException">An option is unknown or lacks its value, or options do not go together.</exception>
    internal static Options Parse(string[] arguments)
    {
        // One word is held out, and one at least is learned.
        const int FewestWords = 2;
        Options options = new();
        for (int i = 0; i < arguments.Length; i++)
        {
            options = arguments[i] switch
            {
                "--attention" => options with { Attention = Kind(Value(arguments, ref i)) },
                "--compare" => options with { Compares = true },
                "--words" => options with { WordCount = Number(arguments, ref i, FewestWords) },
                "--epochs" => options with { ChosenEpochs = Number(arguments, ref i) },
                "--seed" => options with { Seed = Number(arguments, ref i) },
                "--full" => options with { IsFull = true },
                "--retrain" => options with { Retrains = true },
                "--help" or "-h" => options with { WantsHelp = true },
                ['-', ..] => throw new ArgumentException($"There is no option {arguments[i]}."),
                string word when Symbols.OfWord(word) is not null => options with { Words = [.. options.Words, word] },
                string word => throw new ArgumentException($"'{word}' has other signs than letters and apostrophes."),
            };
        }

        return options.Compares && options.Attention == AttentionKind.None
            ? throw new ArgumentException("--compare sets an attention against none: choose another --attention than none.")
            : options;
    }

    private static AttentionKind Kind(string name) =>
        s_kinds.TryGetValue(name, out AttentionKind kind) ? kind : throw new ArgumentException($"There is no attention '{name}'.");

    private static int Number(string[] arguments, ref int i, int least = 1)
    {
        string option = arguments[i];
        string value = Value(arguments, ref i);
        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least
            ? number
            : throw new ArgumentException($"{option} takes a whole number from {least} on, not '{value}'.");
    }

    private static string Value(string[] arguments, ref int i) =>
        i + 1 < arguments.Length ? arguments[++i] : throw new ArgumentException($"{arguments[i]} takes a value.");
}
