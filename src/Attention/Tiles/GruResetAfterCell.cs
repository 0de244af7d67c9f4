using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// <c>n = tanh(x + r q)</c> with the product <c>q = U h + b</c>, <c>h' = n + z (h - n)</c>. Parts: r, z, q, n.
/// </summary>
internal readonly unsafe struct GruResetAfterCell : IRecurrentCell
{
    public static int Gates => 3;

    public static int DirectGates => 3;

    public static int Parts => 4;

    public static bool HasCell => false;

    public static void Reset<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
    }

    public static void Update<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        CellMath.Logistic<TSimd, TVector>(step.Input, step.Parts, 2 * step.Size);
        nint whole = step.Size - step.Size % TSimd.Count;
        Update<TSimd, TVector>(step, 0, whole);
        Update<SimdScalar, float>(step, whole, step.Size);
    }

    public static void Gradient<TSimd, TVector>(in CellGradient step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint whole = step.Size - step.Size % TSimd.Count;
        Gradient<TSimd, TVector>(step, 0, whole);
        Gradient<SimdScalar, float>(step, whole, step.Size);
    }

    public static void ResetGradient<TSimd, TVector>(in CellGradient step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Update<TSimd, TVector>(in CellStep step, nint column, nint end)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint size = step.Size;
        for (; column < end; column += TSimd.Count)
        {
            float* parts = step.Parts + column;
            TVector reset = TSimd.Load(parts);
            TVector update = TSimd.Load(parts + size);
            TVector product = TSimd.Load(parts + 2 * size);
            TVector fresh = VectorMath.Tanh<TSimd, TVector>(
                TSimd.MultiplyAdd(reset, product, TSimd.Load(step.Input + 2 * size + column)));
            TVector difference = TSimd.Subtract(TSimd.Load(step.Hidden + column), fresh);
            TSimd.Store(fresh, parts + 3 * size);
            TSimd.Store(TSimd.MultiplyAdd(update, difference, fresh), step.Hidden + column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gradient<TSimd, TVector>(in CellGradient step, nint column, nint end)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint size = step.Size;
        for (; column < end; column += TSimd.Count)
        {
            float* parts = step.Parts + column;
            TVector reset = TSimd.Load(parts);
            TVector update = TSimd.Load(parts + size);
            TVector product = TSimd.Load(parts + 2 * size);
            TVector fresh = TSimd.Load(parts + 3 * size);
            TVector hidden = TSimd.Load(step.Hidden + column);
            TVector difference = TSimd.Subtract(TSimd.Load(step.Previous + column), fresh);
            TVector updateGradient = CellMath.ThroughLogistic<TSimd, TVector>(TSimd.Multiply(hidden, difference), update);
            TVector freshGradient = CellMath.ThroughTanh<TSimd, TVector>(
                TSimd.Multiply(hidden, TSimd.Subtract(TSimd.Create(1f), update)), fresh);
            TVector resetGradient = CellMath.ThroughLogistic<TSimd, TVector>(TSimd.Multiply(freshGradient, product), reset);
            step.Store<TSimd, TVector>(0, column, resetGradient);
            step.Store<TSimd, TVector>(1, column, updateGradient);
            step.Store<TSimd, TVector>(2, column, TSimd.Multiply(freshGradient, reset), freshGradient);
            TSimd.Store(TSimd.Multiply(hidden, update), step.Hidden + column);
        }
    }
}
