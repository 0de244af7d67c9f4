using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Numerics;

/// <summary>The functions of <see cref="VectorMath"/>, and <see cref="RationalTanh"/>.</summary>
internal static class VectorFunctions
{
    /// <summary>The factor that stands for a scale of 1/8 in <see cref="ExpScaled"/>.</summary>
    internal const float Scale = VectorMath.Log2E / 8;

    internal readonly struct Exp2 : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Exp2<TSimd, TVector>(value);

        public static double Reference(double value) => Math.Pow(2, value);

        public static bool FlushesToZero => true;
    }

    internal readonly struct Exp2OfNonPositive : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Exp2OfNonPositive<TSimd, TVector>(value);

        public static double Reference(double value) => Math.Pow(2, value);

        public static bool FlushesToZero => true;
    }

    internal readonly struct ExpScaled : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.ExpScaledOfNonPositive<TSimd, TVector>(
                value, TSimd.Create(Scale), TSimd.Create(VectorMath.LowestDifference(Scale)));

        public static double Reference(double value) => Math.Pow(2, value * Scale);

        public static bool FlushesToZero => true;
    }

    internal readonly struct Exp : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Exp<TSimd, TVector>(value);

        public static double Reference(double value) => Math.Exp(value);

        public static bool FlushesToZero => true;
    }

    internal readonly struct Log : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Log<TSimd, TVector>(value);

        public static double Reference(double value) => Math.Log(value);

        public static bool FlushesToZero => false;
    }

    internal readonly struct Log2 : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Log2<TSimd, TVector>(value);

        public static double Reference(double value) => Math.Log2(value);

        public static bool FlushesToZero => false;
    }

    internal readonly struct Tanh : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Tanh<TSimd, TVector>(value);

        public static double Reference(double value) => Math.Tanh(value);

        public static bool FlushesToZero => false;
    }

    internal readonly struct Rational : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            RationalTanh.Compute<TSimd, TVector>(value);

        public static double Reference(double value) => Math.Tanh(value);

        public static bool FlushesToZero => false;
    }

    internal readonly struct Sigmoid : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Sigmoid<TSimd, TVector>(value);

        public static double Reference(double value) => 1 / (1 + Math.Exp(-value));

        public static bool FlushesToZero => false;
    }

    internal readonly struct Erf : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            VectorMath.Erf<TSimd, TVector>(value);

        public static double Reference(double value) => OperatorLoops.Erf(value);

        public static bool FlushesToZero => false;
    }
}
