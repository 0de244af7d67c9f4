using Attention.Layers;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>
/// What libtorch computed for a layer: one case of a file under <c>Layers/Data</c>, whose README says what each name holds.
/// </summary>
internal sealed class LayerFixture
{
    private readonly SafetensorsFile _file;
    private readonly string _case;

    private LayerFixture(SafetensorsFile file, string @case)
    {
        _file = file;
        _case = @case;
    }

    /// <summary>The names of the file's cases.</summary>
    internal static IEnumerable<string> Cases(string file)
    {
        using SafetensorsFile opened = OpenFile(file);
        return [.. opened.Tensors.Select(tensor => tensor.Name.Split('.')[0]).Distinct()];
    }

    /// <summary>Gives one case to <paramref name="use"/>.</summary>
    internal static void Use(string file, string @case, Action<LayerFixture> use)
    {
        using SafetensorsFile opened = OpenFile(file);
        use(new LayerFixture(opened, @case));
    }

    /// <summary>The names of the case's tensors, without that of the case.</summary>
    internal IEnumerable<string> Names =>
        _file.Tensors.Where(tensor => tensor.Name.StartsWith($"{_case}.", StringComparison.Ordinal)).Select(tensor => tensor.Name[(_case.Length + 1)..]);

    internal bool Has(string name) => _file.TryGetTensor($"{_case}.{name}", out _);

    internal int[] Shape(string name) =>
        _file.TryGetTensor($"{_case}.{name}", out SafetensorsTensor? tensor)
            ? [.. tensor.Shape.ToArray().Select(length => (int)length)]
            : throw new ArgumentException($"'{_case}' has no '{name}'.", nameof(name));

    internal float[] Floats(string name) => _file.ReadArray($"{_case}.{name}", [.. Shape(name).Select(length => (nint)length)]);

    internal double[] Doubles(string name) => [.. Floats(name).Select(number => (double)number)];

    private static SafetensorsFile OpenFile(string file) =>
        SafetensorsFile.Open(RepositoryFiles.Locate($"tests/Attention.Tests/Layers/Data/{file}.safetensors"));
}
