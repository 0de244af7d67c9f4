using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>
/// Weights and the computation that uses them. Parameters have the names and layouts of PyTorch's modules, so that
/// checkpoints of one load into the other.
/// </summary>
/// <remarks>
/// The forward methods of layers take variables: under a tape they are recorded, without one they only compute, and may then
/// be called from several threads at once. What they return belongs to the caller.
/// </remarks>
public abstract class Layer : IDisposable
{
    private readonly List<Parameter> _parameters = [];
    private readonly List<(string Name, Layer Layer)> _layers = [];

    /// <summary>Creates a layer without parameters.</summary>
    /// <param name="backend">Where its parameters live.</param>
    protected Layer(IComputeBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        Backend = backend;
    }

    /// <summary>Where its parameters live.</summary>
    public IComputeBackend Backend { get; }

    /// <summary>Its parameters and those of the layers in it, by their full names, in the order of their creation.</summary>
    public IEnumerable<KeyValuePair<string, Parameter>> NamedParameters()
    {
        foreach (Parameter parameter in _parameters)
        {
            yield return new KeyValuePair<string, Parameter>(parameter.Name, parameter);
        }

        foreach ((string name, Layer layer) in _layers)
        {
            foreach ((string inner, Parameter parameter) in layer.NamedParameters())
            {
                yield return new KeyValuePair<string, Parameter>(name.Length == 0 ? inner : $"{name}.{inner}", parameter);
            }
        }
    }

    /// <summary>Forgets the gradients of all parameters.</summary>
    public void ClearGradients()
    {
        foreach ((_, Parameter parameter) in NamedParameters())
        {
            parameter.ClearGradient();
        }
    }

    /// <summary>Writes all parameters to a safetensors file.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path) => Checkpoint.Save(NamedParameters(), path);

    /// <summary>Reads all parameters from a safetensors file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="prefix">What the names in the file have in front, such as <c>"model."</c>; other names are left alone then.</param>
    /// <exception cref="InvalidDataException">
    /// Names are missing in the file, or unknown to the layer, or have another shape; the message lists them, and no parameter
    /// was changed.
    /// </exception>
    /// <exception cref="NotSupportedException">A tensor is neither F32 nor F16 nor BF16; no parameter was changed.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Load(string path, string prefix = "") => Checkpoint.Load(NamedParameters(), path, prefix);

    /// <summary>Gives the memory of all parameters back.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes parameters and inner layers.</summary>
    /// <param name="disposing">Whether called by <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _parameters.ForEach(parameter => parameter.Dispose());
            _layers.ForEach(entry => entry.Layer.Dispose());
        }
    }

    /// <summary>Makes a tensor learned.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="values">Its first numbers, row-major.</param>
    /// <param name="lengths">Its shape.</param>
    /// <exception cref="ArgumentException">There is a parameter of that name.</exception>
    protected Parameter AddParameter(string name, ReadOnlySpan<float> values, params ReadOnlySpan<nint> lengths)
    {
        RequireNew(name, _parameters.Exists(parameter => parameter.Name == name));
        var parameter = new Parameter(name, DeviceTensor.Create(Backend, values, lengths));
        _parameters.Add(parameter);
        return parameter;
    }

    /// <summary>Makes another layer a part of this one.</summary>
    /// <typeparam name="TLayer">Its type.</typeparam>
    /// <param name="name">Its name; empty if its parameters are named as this layer's own.</param>
    /// <param name="layer">The layer, which this one takes over; it may be a part of several.</param>
    /// <exception cref="ArgumentException">There is a layer of that name.</exception>
    protected TLayer AddLayer<TLayer>(string name, TLayer layer)
        where TLayer : Layer
    {
        ArgumentNullException.ThrowIfNull(layer);
        RequireNew(name, name.Length > 0 && _layers.Exists(entry => entry.Name == name));
        _layers.Add((name, layer));
        return layer;
    }

    private static void RequireNew(string name, bool isTaken)
    {
        if (isTaken)
        {
            throw new ArgumentException($"The layer has a '{name}' already.", nameof(name));
        }
    }
}
