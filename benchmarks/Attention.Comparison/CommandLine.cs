namespace Attention.Comparison;

/// <summary>What the user asks for.</summary>
internal sealed record CommandLine
{
    internal const string Usage =
        """
        usage: Attention.Comparison [--quick] [--threads 1|all|both] [--thread-time] [--list] [WORDS...]

        Times the library and its peers in turn and prints a table in markdown.
          WORDS          only rows whose name contains one of these
          --quick        fewer rows and rounds; under two minutes
          --threads      how many threads to use; both if left out
          --thread-time  count the time the thread runs, not the wall's: for a busy machine; needs --threads 1 and Linux
          --list         only print the names of the rows
        """;

    private CommandLine()
    {
    }

    internal bool Quick { get; private init; }

    internal bool List { get; private init; }

    internal bool ThreadTime { get; private init; }

    internal IReadOnlyList<int> Threads { get; private init; } = [];

    internal IReadOnlyList<string> Words { get; private init; } = [];

    /// <summary>Reads the arguments; null if they make no sense.</summary>
    internal static CommandLine? Parse(string[] arguments)
    {
        var words = new List<string>();
        bool quick = false, list = false, threadTime = false;
        string threads = "both";
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--quick":
                    quick = true;
                    break;
                case "--list":
                    list = true;
                    break;
                case "--thread-time":
                    threadTime = true;
                    break;
                case "--threads" when i + 1 < arguments.Length:
                    threads = arguments[++i];
                    break;
                case { } word when !word.StartsWith('-'):
                    words.Add(word);
                    break;
                default:
                    return null;
            }
        }

        int all = Environment.ProcessorCount;
        int[]? counts = threads switch
        {
            "1" => [1],
            "all" => [all],
            "both" => all == 1 ? [1] : [1, all],
            _ => null,
        };
        return counts is null || (threadTime && !(threads == "1" && OperatingSystem.IsLinux()))
            ? null
            : new CommandLine { Quick = quick, List = list, ThreadTime = threadTime, Threads = counts, Words = words };
    }

    /// <summary>Whether the row is asked for.</summary>
    internal bool Wants(string name, bool isQuick) =>
        (isQuick || !Quick) && (Words.Count == 0 || Words.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase)));
}
