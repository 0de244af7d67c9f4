using System.Runtime.Intrinsics;
using Attention.Simd;

namespace Attention.TestKit;

/// <summary>The vector widths to force in tests: all of them everywhere, emulated where the processor lacks them.</summary>
public static class Widths
{
    /// <summary>Every <see cref="SimdWidth"/> but the automatic one, as theory data.</summary>
    public static IEnumerable<object[]> All { get; } = [.. SimdWidths.All.Select(width => new object[] { width })];

    /// <summary>Runs <paramref name="action"/> with the types that <paramref name="width"/> stands for.</summary>
    /// <param name="width">A width; the automatic one is the preferred one.</param>
    /// <param name="action">What to run.</param>
    public static void Run<TAction>(SimdWidth width, TAction action)
        where TAction : IWidthAction
    {
        switch (width == SimdWidth.Automatic ? SimdWidths.Preferred : width)
        {
            case SimdWidth.Scalar:
                action.Invoke<SimdScalar, float>();
                break;
            case SimdWidth.Vector128:
                action.Invoke<Simd128, Vector128<float>>();
                break;
            case SimdWidth.Vector256:
                action.Invoke<Simd256, Vector256<float>>();
                break;
            case SimdWidth.Vector512:
                action.Invoke<Simd512, Vector512<float>>();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(width), width, "No such width.");
        }
    }
}
