namespace Attention.Simd;

/// <summary>The layout of an IEEE 754 float: one sign bit, eight of exponent, 23 of mantissa.</summary>
internal static class FloatBits
{
    internal const int MantissaBits = 23;
    internal const int ExponentBias = 127;
    internal const int MantissaMask = 0x007F_FFFF;

    /// <summary>The bits of sqrt(1/2): subtracted before the exponent is read, they centre the mantissa around one.</summary>
    internal const int RootOfHalf = 0x3F35_04F3;

    /// <summary>Bits of a float that a bfloat16 does without.</summary>
    internal const int BFloat16Shift = 16;

    /// <summary>Just below half of the last place of a bfloat16: with that place's own bit added, it rounds ties to even.</summary>
    internal const uint BFloat16Half = 0x7FFF;

    /// <summary>The bit that makes a NaN quiet, in the half of the float that a bfloat16 keeps: a NaN cut to zero mantissa would be infinite.</summary>
    internal const uint QuietNaN = 0x0040_0000;
}
