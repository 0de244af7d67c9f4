using System.Globalization;
using System.Numerics.Tensors;
using System.Text;

namespace QuickStart;

/// <summary>
/// Draws which column of the text line attends to which: one row of the map for each query column (two share a line of the
/// terminal), one character for each key column, the brighter the more attention.
/// </summary>
internal static class AttentionMap
{
    private const string Shades = " ░▒▓█";

    // From black over violet and red to yellow, in the 256-colour palette.
    private static readonly int[] s_palette = [16, 17, 54, 90, 126, 162, 197, 203, 209, 215, 221, 227, 230];

    /// <summary>The head whose queries look most sharply at one key: its map says most.</summary>
    internal static int SharpestHead(ReadOnlySpan<float> weights, int heads, int length)
    {
        int sharpest = 0;
        float best = 0f;
        for (int head = 0; head < heads; head++)
        {
            float sum = 0f;
            for (int query = 0; query < length; query++)
            {
                sum += TensorPrimitives.Max(weights.Slice((head * length + query) * length, length));
            }

            if (sum > best)
            {
                best = sum;
                sharpest = head;
            }
        }

        return sharpest;
    }

    /// <summary>Draws the map <paramref name="weights"/> <c>[length, length]</c>.</summary>
    internal static string Draw(ReadOnlySpan<float> weights, int length, string text, bool color)
    {
        StringBuilder map = new();
        map.Append("      ").Append(Ruler(text, length)).AppendLine("   looks most at");
        float brightest = TensorPrimitives.Max(weights);
        for (int query = 0; query < length; query += 2)
        {
            ReadOnlySpan<float> upper = weights.Slice(query * length, length);
            ReadOnlySpan<float> lower = query + 1 < length ? weights.Slice((query + 1) * length, length) : upper;
            map.Append(CultureInfo.InvariantCulture, $"  {query,2} {Letter(text, query, length)}");
            for (int key = 0; key < length; key++)
            {
                if (color)
                {
                    map.Append(CultureInfo.InvariantCulture, $"\e[38;5;{Color(upper[key] / brightest)};48;5;{Color(lower[key] / brightest)}m▀");
                }
                else
                {
                    map.Append(Shade(MathF.Max(upper[key], lower[key]) / brightest));
                }
            }

            int strongest = TensorPrimitives.IndexOfMax(upper);
            map.Append(color ? "\e[0m" : "");
            map.AppendLine(CultureInfo.InvariantCulture, $"   {strongest,2} {Letter(text, strongest, length)} {upper[strongest],4:P0}");
        }

        return map.ToString();
    }

    /// <summary>Whether the terminal shows colours and its user wants them.</summary>
    internal static bool WantsColor() =>
        !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && (OperatingSystem.IsWindows()
            ? Environment.GetEnvironmentVariable("WT_SESSION") is not null
            : Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } terminal && terminal != "dumb");

    private static string Ruler(string text, int length)
    {
        char[] ruler = new char[length];
        Array.Fill(ruler, ' ');
        for (int i = 0; i < text.Length; i++)
        {
            ruler[(2 * i + 1) * length / (2 * text.Length)] = text[i];
        }

        return new string(ruler);
    }

    private static char Letter(string text, int column, int length)
    {
        char letter = text[column * text.Length / length];
        return letter == ' ' ? '␣' : letter;
    }

    // The square root lifts faint attention out of the dark.
    private static int Color(float share) => s_palette[Step(share, s_palette.Length)];

    private static char Shade(float share) => Shades[Step(share, Shades.Length)];

    private static int Step(float share, int steps) => Math.Min((int)(MathF.Sqrt(share) * steps), steps - 1);
}
