using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;

namespace QuickStart;

/// <summary>
/// Gives layers the weights of a file that has names of its own and matrices <c>[in, out]</c>. Where names and layouts are
/// PyTorch's, <see cref="Layer.Load"/> does it alone.
/// </summary>
internal static class WeightReader
{
    /// <summary>Reads every parameter of a layer.</summary>
    /// <param name="file">The file.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="names">How names begin in the layer and in the file.</param>
    internal static void ReadInto(this SafetensorsFile file, Layer layer, params (string Layer, string File)[] names)
    {
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            (string inLayer, string inFile) = names.First(pair => name.StartsWith(pair.Layer, StringComparison.Ordinal));
            DeviceTensor target = parameter.Data;

            // Written through a transposed view, [in, out] becomes [out, in].
            using DeviceTensor view = target.Rank == 2 ? target.Transpose(0, 1) : target.Share();
            target.Backend.Upload(file.ReadArray(inFile + name[inLayer.Length..], view.Lengths), view);
        }
    }
}
