using System.Text.Json;
using Attention.TestKit;

namespace Attention.Tests.Golden;

/// <summary>The golden numbers of scaled dot-product attention, and the problems that they belong to.</summary>
internal static class GoldenAttention
{
    internal static TheoryData<string> Names =>
    [
        "sdpa_full",
        "sdpa_causal_bottom_right",
        "sdpa_row1_fully_masked",
        "sdpa_window_1_1_bottom_right",
        "sdpa_alibi_slope_0.5_bottom_right",
    ];

    /// <summary>The problem called <paramref name="name"/>; queries stand at the end of the keys.</summary>
    internal static AttentionProblem<double> Problem(string name)
    {
        AttentionShape shape = new(1, 1, 1, 3, 5, 4, 2);
        return new AttentionProblem<double>(shape)
        {
            Query = AttentionProblems.Wave(1, shape.QueryCount),
            Key = AttentionProblems.Wave(2, shape.KeyCount),
            Value = AttentionProblems.Wave(3, shape.ValueCount),
            Scale = 0.5,
            Mask = name switch
            {
                "sdpa_causal_bottom_right" => (_, _, query, key) => key <= query + 2,
                "sdpa_row1_fully_masked" => (_, _, query, _) => query != 1,
                "sdpa_window_1_1_bottom_right" => (_, _, query, key) => Math.Abs(query + 2 - key) <= 1,
                _ => null,
            },
            Modifier = name == "sdpa_alibi_slope_0.5_bottom_right"
                ? new AddedScoreReference((_, _, query, key) => -0.5 * Math.Abs(query + 2 - key))
                : null,
        };
    }

    /// <summary>The numbers <c>out</c>, <c>lse</c> or <c>w</c> of the case, row-major.</summary>
    internal static double[] Numbers(string name, string part)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/sdpa.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. Flatten(document.RootElement.GetProperty(name).GetProperty(part))];
    }

    private static IEnumerable<double> Flatten(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Flatten),
        JsonValueKind.String => [double.NegativeInfinity],
        _ => [element.GetDouble()],
    };
}
