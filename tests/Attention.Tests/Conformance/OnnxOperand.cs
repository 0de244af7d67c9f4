using Attention.TestKit;

namespace Attention.Tests.Conformance;

/// <summary>Queries, keys, values or outputs of the operator as <c>[batch, heads, length, size]</c>, wherever they stand.</summary>
internal sealed class OnnxOperand
{
    private OnnxOperand(float[] data, Layout layout, int batch, int heads, int length, int size)
    {
        Data = data;
        Layout = layout;
        (Batch, Heads, Length, Size) = (batch, heads, length, size);
    }

    public float[] Data { get; }

    public Layout Layout { get; }

    public int Batch { get; }

    public int Heads { get; }

    public int Length { get; }

    public int Size { get; }

    /// <summary>A 4-D tensor as it is, or a view of a 3-D one.</summary>
    public static OnnxOperand Create(ConformanceTensor tensor, int heads)
    {
        int[] shape = tensor.Shape;
        return shape.Length == 4
            ? Create(tensor.Data, shape[0], shape[1], shape[2], shape[3], packed: false)
            : Create(tensor.Data, shape[0], heads, shape[1], shape[2] / heads, packed: true);
    }

    /// <summary>Memory <c>[batch, length, heads x size]</c> if packed, else <c>[batch, heads, length, size]</c>.</summary>
    public static OnnxOperand Create(float[] data, int batch, int heads, int length, int size, bool packed) => new(
        data,
        packed
            ? Layout.OfPositions(batch, heads, length, size, heads * size)
            : Layout.Contiguous(batch, heads, length, size),
        batch,
        heads,
        length,
        size);

    /// <summary>This one's positions after those of <paramref name="past"/>, if there is any.</summary>
    public OnnxOperand After(ConformanceTensor? past)
    {
        int pastLength = past?.Shape[2] ?? 0;
        int length = pastLength + Length;
        float[] joined = new float[Batch * Heads * length * Size];
        float[] own = Layout.Gather<float>(Data);
        for (int head = 0; head < Batch * Heads; head++)
        {
            Span<float> target = joined.AsSpan(head * length * Size, length * Size);
            past?.Data.AsSpan(head * pastLength * Size, pastLength * Size).CopyTo(target);
            own.AsSpan(head * Length * Size, Length * Size).CopyTo(target[(pastLength * Size)..]);
        }

        return Create(joined, Batch, Heads, length, Size, packed: false);
    }
}
