using Attention.Layers;
using TorchSharp;

namespace Attention.Fixtures;

/// <summary>The cases of one file, and the file.</summary>
internal sealed class FixtureFile : IDisposable
{
    private readonly SafetensorsWriter _writer = new();
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    internal FixtureFile() => _writer.AddMetadata("libtorch", torch.__version__);

    /// <summary>A new case; its numbers depend on its seed alone.</summary>
    internal FixtureCase Case(string name, int seed) => new(_writer, name, seed);

    internal void Save(string path) => _writer.Save(path);

    /// <inheritdoc/>
    public void Dispose() => _scope.Dispose();
}
