using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>
/// The hyperbolic tangent where it is all the work there is: one fraction of two polynomials, eight multiply-adds and a division, without
/// an exponential. It costs about half of <see cref="VectorMath.Tanh"/>.
/// </summary>
/// <remarks>
/// <c>tanh(x) = x P(x^2) / Q(x^2)</c> with P and Q of degree 4, fitted for the least relative error (2.2e-8 before rounding) up to
/// <see cref="Bound"/>. All coefficients are positive, so nothing cancels, and both begin with 1, so that small x give themselves.
/// </remarks>
internal static class RationalTanh
{
    /// <summary>From here on tanh(x) rounds to 1.</summary>
    internal const float Bound = 9.02f;

    /// <summary>Computes tanh(x).</summary>
    /// <param name="value">Any numbers; NaN gives NaN.</param>
    /// <returns>tanh(x), wrong by at most 3 ULP, also near 0; the sign of zero is kept, and infinities give 1 and -1.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector Compute<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // The constant stands on the left of Max and Min: on x86 NaN on the right comes through.
        TVector bounded = TSimd.Min(TSimd.Create(Bound), TSimd.Max(TSimd.Create(-Bound), value));
        TVector square = TSimd.Multiply(bounded, bounded);
        TVector numerator = TSimd.Create(1.3383353337e-08f);
        numerator = TSimd.MultiplyAdd(numerator, square, TSimd.Create(2.0635154596e-05f));
        numerator = TSimd.MultiplyAdd(numerator, square, TSimd.Create(0.0034974174074f));
        numerator = TSimd.MultiplyAdd(numerator, square, TSimd.Create(0.13382653449f));
        numerator = TSimd.MultiplyAdd(numerator, square, TSimd.Create(1f));
        TVector denominator = TSimd.Create(7.7898681731e-07f);
        denominator = TSimd.MultiplyAdd(denominator, square, TSimd.Create(0.00032884512837f));
        denominator = TSimd.MultiplyAdd(denominator, square, TSimd.Create(0.025884208017f));
        denominator = TSimd.MultiplyAdd(denominator, square, TSimd.Create(0.46715974690f));
        denominator = TSimd.MultiplyAdd(denominator, square, TSimd.Create(1f));
        return TSimd.Divide(TSimd.Multiply(bounded, numerator), denominator);
    }
}
