namespace Attention.TestKit;

/// <summary>The sizes of one attention problem.</summary>
public readonly record struct AttentionShape(
    int Batch,
    int Heads,
    int KeyValueHeads,
    int QueryLength,
    int KeyLength,
    int HeadSize,
    int ValueSize)
{
    public int QueryCount => Batch * Heads * QueryLength * HeadSize;

    public int KeyCount => Batch * KeyValueHeads * KeyLength * HeadSize;

    public int ValueCount => Batch * KeyValueHeads * KeyLength * ValueSize;

    public int OutputCount => Batch * Heads * QueryLength * ValueSize;

    public int RowCount => Batch * Heads * QueryLength;

    public int ScoreCount => RowCount * KeyLength;

    public nint[] QueryLengths => [Batch, Heads, QueryLength, HeadSize];

    public nint[] KeyLengths => [Batch, KeyValueHeads, KeyLength, HeadSize];

    public nint[] ValueLengths => [Batch, KeyValueHeads, KeyLength, ValueSize];

    public nint[] OutputLengths => [Batch, Heads, QueryLength, ValueSize];

    public nint[] RowLengths => [Batch, Heads, QueryLength];

    public nint[] ScoreLengths => [Batch, Heads, QueryLength, KeyLength];

    public override string ToString() =>
        $"b{Batch} h{Heads}/{KeyValueHeads} n{QueryLength} m{KeyLength} d{HeadSize} v{ValueSize}";
}
