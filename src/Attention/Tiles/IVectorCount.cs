namespace Attention.Tiles;

/// <summary>How many neighbouring vectors a <see cref="VectorRow{TSimd, TVector, TCount}"/> holds, as a constant to the JIT.</summary>
internal interface IVectorCount
{
    /// <summary>One to four.</summary>
    static abstract int Count { get; }
}

/// <summary>A single vector: what is left over.</summary>
internal readonly struct OneVector : IVectorCount
{
    public static int Count => 1;
}

/// <summary>Two vectors, which leave room for six rows in sixteen registers.</summary>
internal readonly struct TwoVectors : IVectorCount
{
    public static int Count => 2;
}

/// <summary>Three vectors, which leave room for four rows.</summary>
internal readonly struct ThreeVectors : IVectorCount
{
    public static int Count => 3;
}

/// <summary>Four vectors, which leave room for two rows.</summary>
internal readonly struct FourVectors : IVectorCount
{
    public static int Count => 4;
}
