using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Attention.Simd;

/// <summary>Which vector widths there are here, and which one the library uses.</summary>
public static class SimdWidths
{
    /// <summary>
    /// The width that <see cref="SimdWidth.Automatic"/> stands for: 512 bits where the runtime accelerates and
    /// recommends them, else 256 where there are AVX2 and fused multiply-add, else 128, else scalar.
    /// </summary>
    /// <remarks>A NativeAOT program has the wide ones only if it was compiled with <c>IlcInstructionSet</c> set.</remarks>
    public static SimdWidth Preferred =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? SimdWidth.Vector512
        : Vector256.IsHardwareAccelerated && Fma.IsSupported ? SimdWidth.Vector256
        : Vector128.IsHardwareAccelerated ? SimdWidth.Vector128
        : SimdWidth.Scalar;

    /// <summary>Every width; those above <see cref="Preferred"/> still compute correctly, but emulated and slowly.</summary>
    public static IReadOnlyList<SimdWidth> All { get; } =
        [SimdWidth.Scalar, SimdWidth.Vector128, SimdWidth.Vector256, SimdWidth.Vector512];

    /// <summary>Says whether this processor and runtime run <paramref name="width"/> in hardware.</summary>
    /// <param name="width">The width asked about.</param>
    /// <returns>True for <see cref="SimdWidth.Automatic"/>, <see cref="SimdWidth.Scalar"/> and every accelerated width.</returns>
    public static bool IsAccelerated(SimdWidth width) => width <= Preferred;

    internal static SimdWidth Resolve(SimdWidth width) => width == SimdWidth.Automatic ? Preferred : width;
}
