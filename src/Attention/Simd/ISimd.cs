namespace Attention.Simd;

/// <summary>
/// The arithmetic of one vector width, as static members that the JIT inlines: kernels and policies are written once,
/// against <typeparamref name="TVector"/>, and compiled for <see cref="SimdScalar"/>, <see cref="Simd128"/>,
/// <see cref="Simd256"/> and <see cref="Simd512"/>.
/// </summary>
/// <typeparam name="TVector">The vector: <see cref="float"/> itself or a <c>System.Runtime.Intrinsics</c> vector of floats.</typeparam>
/// <remarks>
/// A comparison gives a mask: all bits of a lane set where it holds, none where it does not. Masks are only meant for
/// <see cref="Select"/> and <see cref="And"/>.
/// </remarks>
public unsafe interface ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Floats per vector: 1, 4, 8 or 16.</summary>
    static abstract int Count { get; }

    /// <summary>
    /// Vectors side by side in the register tile of the matrix kernels: as many as leave six rows of accumulators in
    /// registers, which is four where there are 32 registers (AVX-512) and two where there are 16.
    /// </summary>
    static abstract int TileVectors { get; }

    /// <summary>All lanes zero.</summary>
    static abstract TVector Zero { get; }

    /// <summary>The lane numbers 0, 1, 2, ...</summary>
    static abstract TVector Lanes { get; }

    /// <summary>All lanes equal to <paramref name="value"/>.</summary>
    static abstract TVector Create(float value);

    /// <summary>Reads <see cref="Count"/> floats; no alignment is needed.</summary>
    static abstract TVector Load(float* source);

    /// <summary>Writes <see cref="Count"/> floats; no alignment is needed.</summary>
    static abstract void Store(TVector value, float* destination);

    /// <summary>
    /// Reads 2 <see cref="Count"/> floats, which are pairs of neighbours, and takes them apart.
    /// </summary>
    /// <param name="source">The first float of the first pair.</param>
    /// <param name="second">The second float of every pair.</param>
    /// <returns>The first float of every pair.</returns>
    static abstract TVector LoadPairs(float* source, out TVector second);

    /// <summary>Writes 2 <see cref="Count"/> floats, pairs of neighbours: what <see cref="LoadPairs"/> took apart.</summary>
    /// <param name="first">The first float of every pair.</param>
    /// <param name="second">The second float of every pair.</param>
    /// <param name="destination">Where the first float of the first pair goes.</param>
    static abstract void StorePairs(TVector first, TVector second, float* destination);

    /// <summary>Reads <see cref="Count"/> signed bytes as floats.</summary>
    static abstract TVector LoadInt8(sbyte* source);

    /// <summary>Reads <see cref="Count"/> bfloat16 numbers (the upper halves of floats) as floats.</summary>
    static abstract TVector LoadBFloat16(ushort* source);

    /// <summary>
    /// Writes <see cref="Count"/> whole numbers in [-127, 127] as signed bytes; what other numbers give is undefined.
    /// </summary>
    static abstract void StoreInt8(TVector value, sbyte* destination);

    /// <summary>
    /// Writes <see cref="Count"/> bfloat16 numbers, rounded to nearest, ties to even; NaN stays NaN, and what is too large
    /// becomes infinite.
    /// </summary>
    static abstract void StoreBFloat16(TVector value, ushort* destination);

    /// <summary><paramref name="left"/> + <paramref name="right"/>.</summary>
    static abstract TVector Add(TVector left, TVector right);

    /// <summary><paramref name="left"/> - <paramref name="right"/>.</summary>
    static abstract TVector Subtract(TVector left, TVector right);

    /// <summary><paramref name="left"/> * <paramref name="right"/>.</summary>
    static abstract TVector Multiply(TVector left, TVector right);

    /// <summary><paramref name="left"/> / <paramref name="right"/>.</summary>
    static abstract TVector Divide(TVector left, TVector right);

    /// <summary>
    /// <paramref name="left"/> * <paramref name="right"/> + <paramref name="addend"/>, fused (rounded once) where the
    /// processor can.
    /// </summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector addend);

    /// <summary>The larger of each pair of lanes; where either is NaN, <paramref name="right"/> on x86 and NaN on Arm.</summary>
    static abstract TVector Max(TVector left, TVector right);

    /// <summary>The smaller of each pair of lanes; where either is NaN, <paramref name="right"/> on x86 and NaN on Arm.</summary>
    static abstract TVector Min(TVector left, TVector right);

    /// <summary>The absolute value.</summary>
    static abstract TVector Abs(TVector value);

    /// <summary>The square root.</summary>
    static abstract TVector Sqrt(TVector value);

    /// <summary>The nearest whole number, ties to even.</summary>
    static abstract TVector Round(TVector value);

    /// <summary>
    /// 2 to the power of <paramref name="exponent"/>, which must be whole and in [-127, 127]; -127 gives 0.
    /// </summary>
    static abstract TVector PowerOfTwo(TVector exponent);

    /// <summary>
    /// 2 to the power of n, where <paramref name="value"/> is <c>1.5 * 2^23 + 127 + n</c> with n whole in [-127, 127]; -127
    /// gives 0. Adding <c>1.5 * 2^23 + 127</c> to a number rounds it to the nearest whole n and leaves n + 127 in the last
    /// bits, from where one shift moves it into the exponent.
    /// </summary>
    static abstract TVector PowerOfTwoFromLowBits(TVector value);

    /// <summary>
    /// Splits a positive normal number into <c>mantissa * 2^exponent</c> with the mantissa in [sqrt(1/2), sqrt(2)).
    /// </summary>
    static abstract TVector Mantissa(TVector value, out TVector exponent);

    /// <summary>The mask of <paramref name="left"/> &lt; <paramref name="right"/>; false where either is NaN.</summary>
    static abstract TVector LessThan(TVector left, TVector right);

    /// <summary>The mask of <paramref name="left"/> = <paramref name="right"/>; false where either is NaN.</summary>
    static abstract TVector Equals(TVector left, TVector right);

    /// <summary>Bitwise and, of a mask and a value or of two masks.</summary>
    static abstract TVector And(TVector left, TVector right);

    /// <summary><paramref name="ifTrue"/> where the mask is set, else <paramref name="ifFalse"/>.</summary>
    static abstract TVector Select(TVector mask, TVector ifTrue, TVector ifFalse);

    /// <summary><paramref name="magnitude"/> with the sign of <paramref name="sign"/>.</summary>
    static abstract TVector CopySign(TVector magnitude, TVector sign);

    /// <summary>The sum of the lanes, added as a tree: halves, quarters, and so on.</summary>
    static abstract float Sum(TVector value);

    /// <summary>The largest lane, not NaN-aware.</summary>
    static abstract float MaxAcross(TVector value);
}
