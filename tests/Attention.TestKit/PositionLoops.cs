using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// The definitions of positions as plain loops: in double the reference, in float the yardstick, and on absolute values the
/// sum of magnitudes that bounds what rounding can do.
/// </summary>
public static class PositionLoops
{
    /// <summary>A channel of a sinusoidal position, in the paper's form or with sines and cosines in halves.</summary>
    public static double Sinusoid(double position, int channel, int size, bool halves)
    {
        if (!halves)
        {
            double angle = position / Math.Pow(10000, 2.0 * (channel / 2) / size);
            return channel % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle);
        }

        int half = size / 2;
        if (channel >= 2 * half)
        {
            return 0;
        }

        double exponent = half == 1 ? 0 : (channel % half) / (half - 1.0);
        double place = position / Math.Pow(10000, exponent);
        return channel < half ? Math.Sin(place) : Math.Cos(place);
    }

    /// <summary>Turns every row of <paramref name="rows"/> by its own cosines and sines, <c>[row][pair]</c>.</summary>
    public static T[] Rotate<T>(T[] rows, int headSize, T[][] cosines, T[][] sines, bool neighbours, bool back = false)
        where T : INumber<T>
    {
        T[] turned = [.. rows];
        for (int row = 0; row < cosines.Length; row++)
        {
            int pairs = cosines[row].Length;
            for (int pair = 0; pair < pairs; pair++)
            {
                int first = (row * headSize) + (neighbours ? 2 * pair : pair);
                int second = neighbours ? first + 1 : first + pairs;
                T cosine = cosines[row][pair];
                T sine = back ? -sines[row][pair] : sines[row][pair];
                turned[first] = (rows[first] * cosine) - (rows[second] * sine);
                turned[second] = (rows[first] * sine) + (rows[second] * cosine);
            }
        }

        return turned;
    }

    /// <summary><c>bias[head, query, key] = table[rowOf(query, key), head]</c>.</summary>
    public static T[] Bias<T>(T[] table, int heads, int queries, int keys, Func<int, int, int> rowOf)
    {
        T[] bias = new T[heads * queries * keys];
        for (int head = 0; head < heads; head++)
        {
            for (int query = 0; query < queries; query++)
            {
                for (int key = 0; key < keys; key++)
                {
                    bias[(((head * queries) + query) * keys) + key] = table[(rowOf(query, key) * heads) + head];
                }
            }
        }

        return bias;
    }

    /// <summary>The gradient of the table of <see cref="Bias"/>.</summary>
    public static T[] BiasGradient<T>(T[] biasGradient, int tableRows, int heads, int queries, int keys, Func<int, int, int> rowOf)
        where T : INumber<T>
    {
        T[] gradient = new T[tableRows * heads];
        for (int head = 0; head < heads; head++)
        {
            for (int query = 0; query < queries; query++)
            {
                for (int key = 0; key < keys; key++)
                {
                    gradient[(rowOf(query, key) * heads) + head] += biasGradient[(((head * queries) + query) * keys) + key];
                }
            }
        }

        return gradient;
    }

    /// <summary>The row of the table of a window of <paramref name="height"/> by <paramref name="width"/> cells.</summary>
    public static int WindowRow(int height, int width, int query, int key)
    {
        int rows = (query / width) - (key / width);
        int columns = (query % width) - (key % width);
        return ((rows + height - 1) * ((2 * width) - 1)) + columns + width - 1;
    }

    /// <summary>
    /// Resizes a grid <c>[height, width, size]</c> after <paramref name="classTokens"/> rows: each new cell is the sum of all
    /// old ones, weighted with tents.
    /// </summary>
    public static T[] Resize<T>(T[] table, int classTokens, int height, int width, int newHeight, int newWidth, bool edges)
        where T : INumber<T>
    {
        int size = table.Length / (classTokens + (height * width));
        T[] resized = new T[(classTokens + (newHeight * newWidth)) * size];
        Array.Copy(table, resized, classTokens * size);
        ForEachWeight(height, width, newHeight, newWidth, edges, (from, to, weight) =>
        {
            for (int c = 0; c < size; c++)
            {
                resized[((classTokens + to) * size) + c] += T.CreateChecked(weight) * table[((classTokens + from) * size) + c];
            }
        });
        return resized;
    }

    /// <summary>The gradient of the table of <see cref="Resize"/>.</summary>
    public static T[] ResizeGradient<T>(T[] gradient, int classTokens, int height, int width, int newHeight, int newWidth, bool edges)
        where T : INumber<T>
    {
        int size = gradient.Length / (classTokens + (newHeight * newWidth));
        T[] table = new T[(classTokens + (height * width)) * size];
        Array.Copy(gradient, table, classTokens * size);
        ForEachWeight(height, width, newHeight, newWidth, edges, (from, to, weight) =>
        {
            for (int c = 0; c < size; c++)
            {
                table[((classTokens + from) * size) + c] += T.CreateChecked(weight) * gradient[((classTokens + to) * size) + c];
            }
        });
        return table;
    }

    private static void ForEachWeight(
        int height, int width, int newHeight, int newWidth, bool edges, Action<int, int, double> action)
    {
        for (int to = 0; to < newHeight * newWidth; to++)
        {
            double row = Place(to / newWidth, height, newHeight, edges);
            double column = Place(to % newWidth, width, newWidth, edges);
            for (int from = 0; from < height * width; from++)
            {
                double weight = Tent(row - (from / width)) * Tent(column - (from % width));
                if (weight > 0)
                {
                    action(from, to, weight);
                }
            }
        }
    }

    private static double Tent(double distance) => Math.Max(0, 1 - Math.Abs(distance));

    private static double Place(int cell, int length, int newLength, bool edges) =>
        edges ? Math.Min(Math.Max(((cell + 0.5) * length / newLength) - 0.5, 0), length - 1)
        : newLength == 1 ? 0
        : cell * (length - 1.0) / (newLength - 1);
}
