using System.Text.Json;
using Attention.TestKit;

namespace Attention.Tests.Golden;

/// <summary>The golden numbers of normalisers.</summary>
internal static class GoldenNormalizers
{
    /// <summary>The numbers called <paramref name="name"/>.</summary>
    internal static double[] Numbers(string name)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/normalizers.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. document.RootElement.GetProperty(name).EnumerateArray().Select(number => number.GetDouble())];
    }
}
