namespace Attention.Layers;

/// <summary>A tensor of a <see cref="SafetensorsFile"/>: its name, type and shape, without its numbers.</summary>
public sealed class SafetensorsTensor
{
    private readonly nint[] _shape;

    internal SafetensorsTensor(string name, string elementType, nint[] shape, long elementCount, long start, long end)
    {
        Name = name;
        ElementType = elementType;
        _shape = shape;
        ElementCount = elementCount;
        Start = start;
        End = end;
    }

    /// <summary>The name, for example <c>encoder.layers.0.norm1.weight</c>.</summary>
    public string Name { get; }

    /// <summary>What the file calls the type of the elements, for example <c>F32</c>.</summary>
    public string ElementType { get; }

    /// <summary>The length of each axis, row-major; empty for a single number.</summary>
    public ReadOnlySpan<nint> Shape => _shape;

    /// <summary>How many elements there are: the product of the lengths, 1 for a single number.</summary>
    public long ElementCount { get; }

    /// <summary>Whether <see cref="SafetensorsFile.Read(string, Span{float})"/> can read it: true for F32, F16 and BF16.</summary>
    public bool IsReadable => SafetensorsTypes.IsReadable(ElementType);

    /// <summary>Where its first byte lies, counted from the end of the header.</summary>
    internal long Start { get; }

    /// <summary>Where its last byte has passed, counted likewise.</summary>
    internal long End { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {ElementType} {Guard.Text(_shape)}";
}
