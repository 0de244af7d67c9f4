namespace Attention.Simd;

/// <summary>How many floats the kernels process at a time.</summary>
public enum SimdWidth
{
    /// <summary>The widest that this processor and runtime accelerate; see <see cref="SimdWidths.Preferred"/>.</summary>
    Automatic = 0,

    /// <summary>One float.</summary>
    Scalar = 1,

    /// <summary>Four floats (SSE, NEON).</summary>
    Vector128 = 128,

    /// <summary>Eight floats (AVX2).</summary>
    Vector256 = 256,

    /// <summary>Sixteen floats (AVX-512).</summary>
    Vector512 = 512,
}
