namespace Attention.PublicApi.Tests;

/// <summary>The C# of the README stands, line for line, in <see cref="ReadmeExamples"/>, which is compiled and run.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void EveryExampleOfTheReadme_IsRunByTheTests()
    {
        string[] source = Lines("ReadmeExamples.cs");
        List<string[]> examples = CodeBlocks(Lines("README.md"));

        examples.Should().HaveCountGreaterThan(10);
        foreach (string[] example in examples)
        {
            Contains(source, example).Should().BeTrue("ReadmeExamples.cs must have these lines:\n{0}", string.Join('\n', example));
        }
    }

    private static List<string[]> CodeBlocks(string[] readme)
    {
        List<string[]> blocks = [];
        for (int i = 0; i < readme.Length; i++)
        {
            if (readme[i] == "```csharp")
            {
                int end = Array.IndexOf(readme, "```", i);
                blocks.Add(readme[(i + 1)..end]);
                i = end;
            }
        }

        return blocks;
    }

    /// <summary>Whether the lines of the example follow each other in the source, all indented by the same amount.</summary>
    private static bool Contains(string[] source, string[] example)
    {
        for (int start = 0; start + example.Length <= source.Length; start++)
        {
            if (source[start].EndsWith(example[0], StringComparison.Ordinal))
            {
                string indent = source[start][..^example[0].Length];
                if (string.IsNullOrWhiteSpace(indent)
                    && example.Select(line => line.Length == 0 ? line : indent + line).SequenceEqual(source[start..(start + example.Length)]))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static string[] Lines(string resource)
    {
        using Stream stream = typeof(ReadmeTests).Assembly.GetManifestResourceStream(resource)!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n").Split('\n');
    }
}
