namespace Attention.Comparison.Work;

/// <summary>The numbers of one attention problem, row-major with heads before positions.</summary>
internal sealed class AttentionData
{
    internal AttentionData(AttentionShape shape)
    {
        Shape = shape;
        Query = NormalNumbers.Create(shape.QueryCount, 1);
        Key = NormalNumbers.Create(shape.KeyCount, 2);
        Value = NormalNumbers.Create(shape.KeyCount, 3);
        Bias = shape.Bias ? NormalNumbers.Create((long)shape.Heads * shape.QueryLength * shape.KeyLength, 4) : [];
        OutputGradient = shape.Training ? NormalNumbers.Create(shape.QueryCount, 5) : [];
    }

    internal AttentionShape Shape { get; }

    internal float[] Query { get; }

    internal float[] Key { get; }

    internal float[] Value { get; }

    /// <summary>Shape <c>[1, heads, queryLength, keyLength]</c>, or empty.</summary>
    internal float[] Bias { get; }

    internal float[] OutputGradient { get; }
}
