using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>A row's partial result: its maximum (as a natural score), its sum relative to that, and its unnormalised output.</summary>
internal static unsafe class CachePartial
{
    /// <summary>The result of no keys at all.</summary>
    internal static void Clear<TSimd, TVector>(float* partial, int rowStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        Packing.Clear<TSimd, TVector>(partial, rowStride);
        partial[0] = float.NegativeInfinity;
    }

    /// <summary>state = state and then <paramref name="partial"/>; one without keys changes nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Fold<TSimd, TVector>(float* partial, float* state, int rowStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        if (partial[1] == 0)
        {
            return;
        }

        float max = MathF.Max(state[0], partial[0]);
        float before = state[1] == 0 ? 0 : MathF.Exp(state[0] - max);
        float after = MathF.Exp(partial[0] - max);
        state[0] = max;
        state[1] = state[1] * before + partial[1] * after;
        TVector befores = TSimd.Create(before);
        TVector afters = TSimd.Create(after);
        for (int i = CachePlan.Header; i < rowStride; i += TSimd.Count)
        {
            TVector kept = TSimd.Multiply(TSimd.Load(state + i), befores);
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(partial + i), afters, kept), state + i);
        }
    }

    /// <summary>Divides by the normaliser and writes output and log-sum-exp of a row.</summary>
    internal static void Finish<TSimd, TVector>(in CacheProblem problem, float* state, int batch, int keyHead, int row)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int head = problem.HeadOf(keyHead, row);
        int query = problem.QueryOf(row);
        RowEnd end = RowEnd.Of(state[0], state[1], problem.SinkLogits != null ? problem.SinkLogits[head] : float.NegativeInfinity);
        RowEnd.Write<TSimd, TVector>(
            state + CachePlan.Header, end.Divisor, problem.Layout.ValueSize, problem.Output.At(batch, head, query));
        if (problem.LogSumExp.IsPresent)
        {
            *problem.LogSumExp.At(batch, head, query) = end.LogSumExp;
        }
    }
}
