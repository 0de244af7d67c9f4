using Spectre.Console;

namespace Pronounce;

/// <summary>Draws where a model looked: a row for each phoneme, a column for each letter, darker for more.</summary>
internal static class AlignmentDrawing
{
    private const string Shades = " ░▒▓█";

    internal static void Show(string word, Pronunciation spoken)
    {
        AnsiConsole.MarkupLineInterpolated($"[bold]{word}[/]  {Symbols.Text(spoken.Phonemes)}");
        if (spoken.Weights.Count == 0)
        {
            return;
        }

        AnsiConsole.MarkupLineInterpolated($"      {string.Join(' ', word.Select(letter => $" {letter}"))}");
        for (int i = 0; i < spoken.Phonemes.Length; i++)
        {
            IEnumerable<string> cells = spoken.Weights[i].Select(weight => new string(Shade(weight), 2));
            AnsiConsole.MarkupLineInterpolated($"  {Symbols.Phoneme(spoken.Phonemes[i]),-2}  {string.Join(' ', cells)}");
        }

        AnsiConsole.WriteLine();
    }

    private static char Shade(float weight) => Shades[Math.Clamp((int)MathF.Round(weight * (Shades.Length - 1)), 0, Shades.Length - 1)];
}
