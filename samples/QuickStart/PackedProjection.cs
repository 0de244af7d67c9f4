using System.Numerics.Tensors;

namespace QuickStart;

/// <summary>
/// The result of the packed projection, <c>[length, 3, heads, headSize]</c>, seen as query, key and value without copying:
/// three views <c>[1, heads, length, headSize]</c> of the same memory that differ in where they start.
/// </summary>
internal sealed class PackedProjection(float[] memory, int heads, int headSize)
{
    private const int Parts = 3;

    internal int Heads => heads;

    internal int HeadSize => headSize;

    internal int Length => memory.Length / (Parts * heads * headSize);

    internal ReadOnlyTensorSpan<float> Query => View(0);

    internal ReadOnlyTensorSpan<float> Key => View(1);

    internal ReadOnlyTensorSpan<float> Value => View(2);

    private ReadOnlyTensorSpan<float> View(int part)
    {
        int modelSize = heads * headSize;
        return new ReadOnlyTensorSpan<float>(
            memory.AsSpan(part * modelSize),
            [1, heads, Length, headSize],
            [0, headSize, Parts * modelSize, 1]);
    }
}
