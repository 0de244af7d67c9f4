using System.Diagnostics;
using System.Globalization;
using Pronounce;
using Spectre.Console;

// Learns to pronounce English words from the CMU Pronouncing Dictionary, says how wrong it is on words held out, and pronounces
// the words of the command line, with where it looked at each phoneme.
const int WidthOfFiles = 240;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (Console.IsOutputRedirected)
{
    // No terminal, no width to keep to: folded at its usual 80 columns a table is none any more, nor is the drawing of a long word.
    AnsiConsole.Profile.Width = WidthOfFiles;
}

Options options;
try
{
    options = Options.Parse(args);
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine(exception.Message);
    Console.Error.WriteLine(Options.Usage);
    return 2;
}

if (options.WantsHelp)
{
    Console.WriteLine(Options.Usage);
    return 0;
}

if (!File.Exists(options.Dictionary))
{
    Console.Error.WriteLine($"{options.Dictionary} is not there: run samples/Pronounce/get-dictionary.sh once, and build again.");
    return 2;
}

Stopwatch watch = Stopwatch.StartNew();
Lexicon lexicon = Lexicon.Read(options.Dictionary, options.WordCount, options.Seed);
AnsiConsole.WriteLine(
    $"{lexicon.Training.Length} words to learn, {lexicon.HeldOut.Length} held out, {options.Epochs} epochs, seed {options.Seed}, {Environment.ProcessorCount} processors.");
AttentionKind[] kinds = options.Compares ? [AttentionKind.None, options.Attention] : [options.Attention];
(AttentionKind Kind, PronunciationModel Model)[] models;
try
{
    models = [.. kinds.Select(kind => (kind, Training.Make(kind, options, lexicon)))];
}
catch (Exception exception) when (exception is InvalidDataException or NotSupportedException)
{
    Console.Error.WriteLine($"{exception.Message} This is no model of these options; --retrain trains one in its place.");
    return 1;
}

Comparison.Show(models, lexicon.HeldOut);
AnsiConsole.WriteLine();

IReadOnlyList<string> words = options.Words.Count > 0 ? options.Words : ["attention", "knowledge", "pronunciation", "thoughtful"];
Pronunciation[] spoken = models[^1].Model.Pronounce([.. words.Select(word => Symbols.OfWord(word)!)], wantsWeights: true);
for (int i = 0; i < words.Count; i++)
{
    AlignmentDrawing.Show(words[i].ToLowerInvariant(), spoken[i]);
}

AnsiConsole.WriteLine($"{watch.Elapsed.TotalSeconds:F0} s in all.");
Array.ForEach(models, entry => entry.Model.Dispose());
return 0;
