namespace Attention.Caching;

/// <summary>How a cache stores keys and values. All arithmetic is in float, whatever the storage.</summary>
/// <remarks>
/// A key k read back as k' changes a score by <c>scale |q.(k' - k)|</c>, at most <c>scale sum|q| e</c>, where e bounds the error
/// of each number; scores that are wrong by at most s change weights by factors within <c>exp(-2s)</c> and <c>exp(2s)</c>, and so
/// an output by at most <c>(exp(2s) - 1) max|v|</c>, besides the error of the values themselves.
/// </remarks>
#pragma warning disable CA1720 // The names of number formats are what is meant.
public enum KvStorage
{
    /// <summary>Four bytes a number, nothing lost.</summary>
    Float32,

    /// <summary>
    /// Two bytes a number: the upper half of a float, rounded to nearest, ties to even. A normal number is wrong by at most
    /// 2^-9 of its size; NaN stays NaN, and what is too large becomes infinite.
    /// </summary>
    BFloat16,

    /// <summary>
    /// One byte a number, and one scale for each token of each head, for keys and for values: the largest size among its
    /// numbers / 127. Each number is wrong by at most half of that scale (1 + 2^-15), 1/254 of the largest. A row with NaN or
    /// infinity in it comes back as NaN.
    /// </summary>
    Int8,
}
#pragma warning restore CA1720
