using System.Text.Json;
using Attention.TestKit;

namespace Attention.Tests.Golden;

/// <summary>The golden numbers of location-aware attention, and the problem that they belong to.</summary>
internal static class GoldenLocation
{
    /// <summary>The numbers of a part, row-major.</summary>
    internal static double[] Numbers(string part)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/location.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. Flatten(document.RootElement.GetProperty("chorowski").GetProperty(part))];
    }

    /// <summary>Queries and keys are projected here; the bias is part of the keys.</summary>
    internal static LocationAwareProblem<double> Problem()
    {
        double[] state = AttentionProblems.Wave(4, 3);
        double[] annotations = AttentionProblems.Wave(5, 20);
        double[] stateWeight = AttentionProblems.Wave(6, 6);
        double[] annotationWeight = AttentionProblems.Wave(7, 8);
        double[] bias = AttentionProblems.Wave(9, 2);
        return new LocationAwareProblem<double>(1, 1, 5, 2, 4, 2, 3)
        {
            Query = [.. Enumerable.Range(0, 2).Select(i => Enumerable.Range(0, 3).Sum(c => stateWeight[(i * 3) + c] * state[c]))],
            Key = [.. Enumerable.Range(0, 10).Select(
                place => bias[place % 2] + Enumerable.Range(0, 4).Sum(c => annotationWeight[(place % 2 * 4) + c] * annotations[(place / 2 * 4) + c]))],
            Value = annotations,
            ScoreVector = AttentionProblems.Wave(8, 2),
            Filters = AttentionProblems.Wave(19, 6),
            Projection = AttentionProblems.Wave(20, 4),
            Initial = Numbers("alpha_prev"),
        };
    }

    private static IEnumerable<double> Flatten(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray().SelectMany(Flatten) : [element.GetDouble()];
}
