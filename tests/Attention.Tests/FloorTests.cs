using System.Text.RegularExpressions;
using Attention.TestKit;

namespace Attention.Tests;

/// <summary>
/// The floors of the house: a folder is a namespace and uses only the folders below it. Reads the sources, so that a using
/// that nothing needs counts too.
/// </summary>
public partial class FloorTests
{
    /// <summary>From the ground up; the first is the root of the library.</summary>
    private static readonly string[] s_floors =
    [
        "",
        "Simd",
        "Execution",
        "Numerics",
        "Gemm",
        "Operators",
        "Policies",
        "Positions",
        "Tiles",
        "Caching",
        "Mechanisms",
        "Backends",
        "Autodiff",
        "Layers",
    ];

    /// <summary>An option names the vector width, an enum without code, and is checked: the one look upwards.</summary>
    private static readonly string[] s_allowed = ["AttentionOptions.cs uses Simd", "Guard.cs uses Simd"];

    private static readonly string s_source = RepositoryFiles.Locate("src/Attention");

    [Fact]
    public void EveryFolder_IsAFloor()
    {
        Sources().Select(Folder).Distinct().Should().BeSubsetOf(s_floors);
    }

    [Fact]
    public void EveryFolder_IsANamespace()
    {
        foreach (string path in Sources())
        {
            string folder = Folder(path);
            string expected = folder.Length == 0 ? "namespace Attention;" : $"namespace Attention.{folder};";
            File.ReadAllText(path).Should().Contain(expected, "{0} lies in that folder", path);
        }
    }

    [Fact]
    public void EveryFile_UsesOnlyFloorsBelow()
    {
        IEnumerable<string> upwards =
            from path in Sources()
            let own = Array.IndexOf(s_floors, Folder(path))
            from used in UsedFloors(File.ReadAllText(path))
            where Array.IndexOf(s_floors, used) > own
            select $"{Path.GetRelativePath(s_source, path).Replace('\\', '/')} uses {used}";

        upwards.Except(s_allowed).Should().BeEmpty();
    }

    [Fact]
    public void NoFile_IsLongerThan400Lines()
    {
        Sources().Where(path => File.ReadLines(path).Count() > 400).Should().BeEmpty();
    }

    [Theory]
    [InlineData("using Attention.Tiles;", "Tiles")]
    [InlineData("using static Attention.Gemm.MicroKernel;", "Gemm")]
    [InlineData("using Kernel = Attention.Gemm.MicroKernel;", "Gemm")]
    [InlineData("global using Attention.Layers;", "Layers")]
    [InlineData("int x = Attention.Numerics.Reduction.Sum(y);", "Numerics")]
    [InlineData("int x = global::Attention.Numerics.Reduction.Sum(y);", "Numerics")]
    [InlineData("int x = Numerics.Reduction.Sum(y);", "Numerics")]
    public void UsedFloors_SeesEveryKindOfReference(string source, string floor)
    {
        UsedFloors(source).Should().Equal(floor);
    }

    [Theory]
    [InlineData("using System.Numerics.Tensors;")]
    [InlineData("/// <see cref=\"Attention.Tiles.ForwardTile\"/>")]
    [InlineData("int x = shape.Layers.Count; // Attention.Layers.Linear")]
    public void UsedFloors_IgnoresOtherNamespacesAndComments(string source)
    {
        UsedFloors(source).Should().BeEmpty();
    }

    private static IEnumerable<string> Sources() => Directory.EnumerateFiles(s_source, "*.cs", SearchOption.AllDirectories);

    private static string Folder(string path) =>
        Path.GetRelativePath(s_source, Path.GetDirectoryName(path)!) is var folder && folder != "." ? folder : "";

    private static IEnumerable<string> UsedFloors(string source) =>
        Reference().Matches(Comment().Replace(source, ""))
            .Select(match => match.Groups["floor"].Value)
            .Where(floor => s_floors.Contains(floor))
            .Distinct();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?<![\w.])Attention\.(?<floor>[A-Z]\w*)(?=[.;])|(?<=using )(?<floor>[A-Z]\w*);|(?<![\w.])(?<floor>[A-Z]\w*)\.[A-Z]")]
    private static partial Regex Reference();
}
