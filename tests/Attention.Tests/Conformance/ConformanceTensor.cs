using System.Text.Json;

namespace Attention.Tests.Conformance;

/// <summary>A tensor of a case, its numbers in float whatever its type.</summary>
internal sealed record ConformanceTensor(string Type, int[] Shape, float[] Data)
{
    public bool IsBoolean => Type == "bool";

    public bool IsHalf => Type == "float16";

    public static ConformanceTensor Read(JsonElement tensor) => new(
        tensor.GetProperty("dtype").GetString()!,
        [.. tensor.GetProperty("shape").EnumerateArray().Select(axis => axis.GetInt32())],
        [.. tensor.GetProperty("data").EnumerateArray().Select(Number)]);

    /// <summary>The same with its last axis lengthened to <paramref name="columns"/> by <paramref name="padding"/>.</summary>
    public ConformanceTensor PadColumns(int columns, float padding)
    {
        int given = Shape[^1];
        if (given >= columns)
        {
            return this;
        }

        int rows = Shape[..^1].Aggregate(1, (product, length) => product * length);
        float[] padded = new float[rows * columns];
        for (int row = 0; row < rows; row++)
        {
            Span<float> target = padded.AsSpan(row * columns, columns);
            Data.AsSpan(row * given, given).CopyTo(target);
            target[given..].Fill(padding);
        }

        return new ConformanceTensor(Type, [.. Shape[..^1], columns], padded);
    }

    private static float Number(JsonElement number) => number.ValueKind switch
    {
        JsonValueKind.String => number.GetString() switch
        {
            "nan" => float.NaN,
            "inf" => float.PositiveInfinity,
            "-inf" => float.NegativeInfinity,
            string other => throw new InvalidDataException($"'{other}' is no number."),
            null => throw new InvalidDataException("A number is missing."),
        },
        JsonValueKind.True => 1f,
        JsonValueKind.False => 0f,
        _ => (float)number.GetDouble(),
    };
}
