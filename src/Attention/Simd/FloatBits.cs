namespace Attention.Simd;

/// <summary>The layout of an IEEE 754 float: one sign bit, eight of exponent, 23 of mantissa.</summary>
internal static class FloatBits
{
    internal const int MantissaBits = 23;
    internal const int ExponentBias = 127;
    internal const int MantissaMask = 0x007F_FFFF;

    /// <summary>The bits of sqrt(1/2): subtracted before the exponent is read, they centre the mantissa around one.</summary>
    internal const int RootOfHalf = 0x3F35_04F3;
}
