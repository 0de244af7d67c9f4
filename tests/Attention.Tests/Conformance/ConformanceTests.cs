using Attention.TestKit;
using Xunit.Abstractions;

namespace Attention.Tests.Conformance;

/// <summary>The ONNX operators Attention and RotaryEmbedding on their own project's cases, and on those of a folder of the user's.</summary>
public class ConformanceTests(ITestOutputHelper log, RunLog runLog) : IClassFixture<RunLog>
{
    private const string FolderVariable = "ATTENTION_CONFORMANCE";

    private static readonly string s_folder = RepositoryFiles.Locate("tests/Attention.Tests/Conformance/onnx");

    public static TheoryData<string> Cases =>
        [.. Directory.GetFiles(s_folder, "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Order()];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Case_GivesTheOperatorsOutputs(string name) => Check(ConformanceCase.Load(Path.Combine(s_folder, name + ".json")));

    [Theory]
    [InlineData("Attention", 60)]
    [InlineData("RotaryEmbedding", 6)]
    public void EveryCaseOfTheOperatorIsHere(string operatorName, int count) =>
        Directory.GetFiles(s_folder, "*.json").Count(path => ConformanceCase.Load(path).Operator == operatorName).Should().Be(count);

    /// <summary>Without the variable the folder is the one of the repository, so that this code is tested as well.</summary>
    [Fact]
    public void CasesOfTheGivenFolder_GiveTheOperatorsOutputs()
    {
        string folder = Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } given ? given : s_folder;
        List<string> failures = [];
        int covered = 0;
        foreach (string path in Directory.GetFiles(folder, "*.json", SearchOption.AllDirectories).Order())
        {
            ConformanceCase loaded = ConformanceCase.Load(path);
            if (!IsCovered(loaded))
            {
                Print($"{loaded.Name}: not covered, the operator is {loaded.Operator}.");
                continue;
            }

            covered++;
            if (Record.Exception(() => Check(loaded)) is Exception failure)
            {
                failures.Add($"{loaded.Name}: {failure.Message}");
                Print($"{loaded.Name}: failed. {failure.Message}");
            }
        }

        Print($"Conformance: {covered - failures.Count} of {covered} cases in '{folder}' passed.");
        covered.Should().BePositive("'{0}' should hold cases of these operators", folder);
        failures.Should().BeEmpty();
    }

    private static bool IsCovered(ConformanceCase given) => given.Operator is "Attention" or "RotaryEmbedding";

    private static void Check(ConformanceCase given)
    {
        IsCovered(given).Should().BeTrue("{0} is run", given.Operator);
        IReadOnlyDictionary<string, float[]> outputs =
            given.Operator == "Attention" ? OnnxAttention.Run(given) : OnnxRotary.Run(given);
        foreach ((string name, ConformanceTensor expected) in given.Outputs)
        {
            double[] numbers = Array.ConvertAll(expected.Data, number => (double)number);
            if (expected.IsHalf)
            {
                Tolerance.Half(name, outputs[name], numbers);
            }
            else
            {
                Tolerance.Golden(name, outputs[name], numbers);
            }
        }
    }

    private void Print(string line)
    {
        log.WriteLine(line);
        runLog.WriteLine(line);
    }
}
