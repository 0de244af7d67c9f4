using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary><c>c' = f c + i g</c>, <c>h' = o tanh(c')</c>. Parts: i, f, g, o, c'.</summary>
internal readonly unsafe struct LstmCell : IRecurrentCell
{
    public static int Gates => 4;

    public static int DirectGates => 4;

    public static int Parts => 5;

    public static bool HasCell => true;

    public static void Reset<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
    }

    public static void Update<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint size = step.Size;
        CellMath.Logistic<TSimd, TVector>(step.Input, step.Parts, 2 * size);
        CellMath.Logistic<TSimd, TVector>(step.Input + 3 * size, step.Parts + 3 * size, size);
        nint whole = size - size % TSimd.Count;
        Update<TSimd, TVector>(step, 0, whole);
        Update<SimdScalar, float>(step, whole, size);
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
            TVector candidate = VectorMath.Tanh<TSimd, TVector>(
                TSimd.Add(TSimd.Load(step.Input + 2 * size + column), TSimd.Load(parts + 2 * size)));
            TVector kept = TSimd.Multiply(TSimd.Load(parts + size), TSimd.Load(step.Cell + column));
            TVector cell = TSimd.MultiplyAdd(TSimd.Load(parts), candidate, kept);
            TVector hidden = TSimd.Multiply(TSimd.Load(parts + 3 * size), VectorMath.Tanh<TSimd, TVector>(cell));
            TSimd.Store(candidate, parts + 2 * size);
            TSimd.Store(cell, parts + 4 * size);
            TSimd.Store(cell, step.Cell + column);
            TSimd.Store(hidden, step.Hidden + column);
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
            TVector input = TSimd.Load(parts);
            TVector forget = TSimd.Load(parts + size);
            TVector candidate = TSimd.Load(parts + 2 * size);
            TVector output = TSimd.Load(parts + 3 * size);
            TVector shown = VectorMath.Tanh<TSimd, TVector>(TSimd.Load(parts + 4 * size));
            TVector hidden = TSimd.Load(step.Hidden + column);
            TVector cell = TSimd.Add(
                TSimd.Load(step.Cell + column), CellMath.ThroughTanh<TSimd, TVector>(TSimd.Multiply(hidden, output), shown));
            TVector previous = TSimd.Load(step.PreviousCell + column);
            step.Store<TSimd, TVector>(0, column, CellMath.ThroughLogistic<TSimd, TVector>(TSimd.Multiply(cell, candidate), input));
            step.Store<TSimd, TVector>(1, column, CellMath.ThroughLogistic<TSimd, TVector>(TSimd.Multiply(cell, previous), forget));
            step.Store<TSimd, TVector>(2, column, CellMath.ThroughTanh<TSimd, TVector>(TSimd.Multiply(cell, input), candidate));
            step.Store<TSimd, TVector>(3, column, CellMath.ThroughLogistic<TSimd, TVector>(TSimd.Multiply(hidden, shown), output));
            TSimd.Store(TSimd.Multiply(cell, forget), step.Cell + column);
            TSimd.Store(TSimd.Zero, step.Hidden + column);
        }
    }
}
