namespace Attention.Tiles;

/// <summary>How many query rows a decoding kernel carries at once, as a constant to the JIT.</summary>
internal interface IRowCount
{
    /// <summary>One or four.</summary>
    static abstract int Count { get; }
}

/// <summary>A single row.</summary>
internal readonly struct OneRow : IRowCount
{
    public static int Count => 1;
}

/// <summary>Four rows, which share every key and value they load.</summary>
internal readonly struct FourRows : IRowCount
{
    public static int Count => 4;
}
