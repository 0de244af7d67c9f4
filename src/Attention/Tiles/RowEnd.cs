using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>How an online softmax row ends: what its accumulators are divided by, and its log-sum-exp.</summary>
internal readonly unsafe struct RowEnd
{
    private readonly float _shift;
    private readonly float _total;

    private RowEnd(float divisor, float shift, float total)
    {
        Divisor = divisor;
        _shift = shift;
        _total = total;
    }

    /// <summary>The normaliser relative to the row's maximum; infinite for a row with nothing to attend to, whose output is then zero.</summary>
    internal float Divisor { get; }

    /// <summary>The natural logarithm of the sum of exp(score), sink included.</summary>
    internal float LogSumExp => _shift + MathF.Log(_total);

    /// <summary>From the maximum score, the sum of exp(score - maximum), and the sink's logit (-inf for none).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static RowEnd Of(float max, float sum, float sink)
    {
        if (max == float.NegativeInfinity && sum == 0)
        {
            return new RowEnd(float.PositiveInfinity, sink, 1);
        }

        if (sink == float.NegativeInfinity)
        {
            return new RowEnd(sum, max, sum);
        }

        // log(exp(m) sum + exp(sink)), relative to the larger of the two; a divisor that overflows gives the zero it should.
        float larger = Math.Max(max, sink);
        float total = sum * MathF.Exp(max - larger) + MathF.Exp(sink - larger);
        return new RowEnd(total * MathF.Exp(larger - max), larger, total);
    }

    /// <summary>Writes accumulators / divisor, as many as the value size says: one division, then products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Write<TSimd, TVector>(float* accumulators, float divisor, int valueSize, float* output)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float factor = 1 / divisor;
        TVector factors = TSimd.Create(factor);
        int i = 0;
        for (; i + TSimd.Count <= valueSize; i += TSimd.Count)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Load(accumulators + i), factors), output + i);
        }

        for (; i < valueSize; i++)
        {
            output[i] = accumulators[i] * factor;
        }
    }
}
