using Spectre.Console;

namespace Pronounce;

/// <summary>Error rates on words held out, by length: whether a context of fixed size falls behind as words grow.</summary>
internal static class Comparison
{
    internal static void Show(IReadOnlyList<(AttentionKind Kind, PronunciationModel Model)> models, Entry[] heldOut)
    {
        ErrorRate[] rates = [.. models.Select(entry => ErrorRate.Measure(entry.Model, heldOut))];
        Table table = new Table().Border(TableBorder.Markdown).AddColumn("letters").AddColumn("words");
        foreach ((AttentionKind kind, PronunciationModel model) in models)
        {
            table.AddColumn($"{Options.Name(kind)}, {model.Size} weights");
        }

        for (int group = 0; group < ErrorRate.Groups.Count; group++)
        {
            table.AddRow([ErrorRate.Groups[group], $"{rates[0].WordsOf(group)}", .. rates.Select(rate => rate.WordsOf(group) == 0 ? "-" : $"{rate.Of(group):P1}")]);
        }

        table.AddRow(["all", $"{heldOut.Length}", .. rates.Select(rate => $"{rate.Whole:P1}")]);
        table.AddRow(["words with an error", $"{heldOut.Length}", .. rates.Select(rate => $"{rate.Words:P1}")]);
        AnsiConsole.WriteLine("Phoneme error rate on words held out, stress left aside:");
        AnsiConsole.Write(table);
    }
}
