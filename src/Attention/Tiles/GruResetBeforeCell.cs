using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// <c>n = tanh(x + U m + b)</c> with the reset state <c>m = r h</c>, <c>h' = h + z (n - h)</c>. Parts: r, z, n, m.
/// </summary>
internal readonly unsafe struct GruResetBeforeCell : IRecurrentCell
{
    public static int Gates => 3;

    public static int DirectGates => 2;

    public static int Parts => 4;

    public static bool HasCell => false;

    public static void Reset<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        CellMath.Logistic<TSimd, TVector>(step.Input, step.Parts, 2 * step.Size);
        nint whole = step.Size - step.Size % TSimd.Count;
        Reset<TSimd, TVector>(step, 0, whole);
        Reset<SimdScalar, float>(step, whole, step.Size);
    }

    public static void Update<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
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
        nint whole = step.Size - step.Size % TSimd.Count;
        ResetGradient<TSimd, TVector>(step, 0, whole);
        ResetGradient<SimdScalar, float>(step, whole, step.Size);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Reset<TSimd, TVector>(in CellStep step, nint column, nint end)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (; column < end; column += TSimd.Count)
        {
            TVector reset = TSimd.Multiply(TSimd.Load(step.Parts + column), TSimd.Load(step.Hidden + column));
            TSimd.Store(reset, step.Parts + 3 * step.Size + column);
        }
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
            TVector fresh = VectorMath.Tanh<TSimd, TVector>(
                TSimd.Add(TSimd.Load(step.Input + 2 * size + column), TSimd.Load(parts + 2 * size)));
            TVector hidden = TSimd.Load(step.Hidden + column);
            TSimd.Store(fresh, parts + 2 * size);
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(parts + size), TSimd.Subtract(fresh, hidden), hidden), step.Hidden + column);
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
            TVector update = TSimd.Load(step.Parts + size + column);
            TVector fresh = TSimd.Load(step.Parts + 2 * size + column);
            TVector hidden = TSimd.Load(step.Hidden + column);
            TVector difference = TSimd.Subtract(fresh, TSimd.Load(step.Previous + column));
            step.Store<TSimd, TVector>(
                1, column, CellMath.ThroughLogistic<TSimd, TVector>(TSimd.Multiply(hidden, difference), update));
            step.Store<TSimd, TVector>(2, column, CellMath.ThroughTanh<TSimd, TVector>(TSimd.Multiply(hidden, update), fresh));
            TSimd.Store(TSimd.Multiply(hidden, TSimd.Subtract(TSimd.Create(1f), update)), step.Hidden + column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ResetGradient<TSimd, TVector>(in CellGradient step, nint column, nint end)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (; column < end; column += TSimd.Count)
        {
            TVector reset = TSimd.Load(step.Parts + column);
            TVector gradient = TSimd.Load(step.Reset + column);
            TVector resetGradient = TSimd.Multiply(gradient, TSimd.Load(step.Previous + column));
            step.Store<TSimd, TVector>(0, column, CellMath.ThroughLogistic<TSimd, TVector>(resetGradient, reset));
            TSimd.Store(TSimd.MultiplyAdd(gradient, reset, TSimd.Load(step.Hidden + column)), step.Hidden + column);
        }
    }
}
