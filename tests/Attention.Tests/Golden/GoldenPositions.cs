using System.Text.Json;
using Attention.TestKit;

namespace Attention.Tests.Golden;

/// <summary>The golden numbers of positions.</summary>
internal static class GoldenPositions
{
    /// <summary>The numbers called <paramref name="name"/>, row-major.</summary>
    internal static double[] Numbers(string name)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/positions.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. Flatten(document.RootElement.GetProperty(name))];
    }

    private static IEnumerable<double> Flatten(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray().SelectMany(Flatten) : [element.GetDouble()];
}
