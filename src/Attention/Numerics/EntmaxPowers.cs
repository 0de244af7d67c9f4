using System.Diagnostics;
using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>alpha = 1, softmax, which has a kernel of its own: only the gradient is taken from here. Scores may have had a factor.</summary>
internal readonly struct NoPower(float factor) : IEntmaxPower
{
    public float Step => 0;

    public TVector Weight<TSimd, TVector>(TVector distance, out TVector slope)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => throw new UnreachableException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Slope<TSimd, TVector>(TVector weight)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Multiply(TSimd.Create(factor), weight);
}

/// <summary>alpha = 2, sparsemax.</summary>
internal readonly struct FirstPower : IEntmaxPower
{
    public float Step => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Weight<TSimd, TVector>(TVector distance, out TVector slope)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // The constant stands on the left of Max: on x86 NaN on the right comes through.
        TVector weight = TSimd.Max(TSimd.Zero, TSimd.Add(TSimd.Create(1f), distance));
        slope = TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, TSimd.Create(1f));
        return weight;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Slope<TSimd, TVector>(TVector weight)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Create(1f);
}

/// <summary>alpha = 1.5: a square, and a square root for its gradient.</summary>
internal readonly struct SecondPower : IEntmaxPower
{
    public float Step => 0.5f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Weight<TSimd, TVector>(TVector distance, out TVector slope)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        slope = TSimd.Max(TSimd.Zero, TSimd.Add(TSimd.Create(1f), distance));
        return TSimd.Multiply(slope, slope);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Slope<TSimd, TVector>(TVector weight)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Sqrt(weight);
}

/// <summary>
/// Any alpha between 1 and 2. The power is <c>exp(ln(1 + distance) / (alpha - 1))</c>, and the logarithm is exact for distances
/// that vanish beside 1, so that nothing is lost where alpha comes close to 1.
/// </summary>
internal readonly struct AnyPower(float alpha) : IEntmaxPower
{
    private readonly float _power = (float)((2.0 - alpha) / (alpha - 1.0));

    public float Step => alpha - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Weight<TSimd, TVector>(TVector distance, out TVector slope)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // ln(1 + d) = ln(b) d / (b - 1) with b = 1 + d rounded: the errors of both factors cancel.
        TVector one = TSimd.Create(1f);
        TVector root = TSimd.Max(TSimd.Zero, TSimd.Add(one, distance));
        TVector rounded = TSimd.Subtract(root, one);
        TVector logarithm = TSimd.Divide(TSimd.Multiply(VectorMath.Log<TSimd, TVector>(root), distance), rounded);
        logarithm = TSimd.Select(TSimd.Equals(rounded, TSimd.Zero), distance, logarithm);
        TVector power = VectorMath.Exp<TSimd, TVector>(TSimd.Multiply(TSimd.Create(_power), logarithm));

        // For an alpha close to 2 the power of 0 would come out as 1.
        slope = TSimd.Select(TSimd.Equals(root, TSimd.Zero), TSimd.Zero, power);
        return TSimd.Multiply(slope, root);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Slope<TSimd, TVector>(TVector weight)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        VectorMath.Exp<TSimd, TVector>(TSimd.Multiply(TSimd.Create(2 - alpha), VectorMath.Log<TSimd, TVector>(weight)));
}
