namespace Attention.Tiles;

/// <summary>How many query rows a decoding kernel carries at once, as a constant to the JIT.</summary>
internal interface IRowCount
{
    /// <summary>One, two, four or six; which of them a kernel takes, it says.</summary>
    static abstract int Count { get; }
}

/// <summary>A single row.</summary>
internal readonly struct OneRow : IRowCount
{
    public static int Count => 1;
}

/// <summary>Two rows, which share every key and value they load.</summary>
internal readonly struct TwoRows : IRowCount
{
    public static int Count => 2;
}

/// <summary>Four rows, which share every key and value they load.</summary>
internal readonly struct FourRows : IRowCount
{
    public static int Count => 4;
}

/// <summary>Six rows, as many as a register tile of two vectors a row has room for.</summary>
internal readonly struct SixRows : IRowCount
{
    public static int Count => 6;
}
