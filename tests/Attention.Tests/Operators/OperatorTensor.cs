using System.Numerics.Tensors;
using Attention.Numerics;
using Attention.TestKit;

namespace Attention.Tests.Operators;

/// <summary>How the elements of a test tensor are spread in memory.</summary>
public enum Spread
{
    /// <summary>Row-major, without gaps.</summary>
    Contiguous,

    /// <summary>Row-major, with a gap after each row.</summary>
    Rows,

    /// <summary>The last two axes the other way round: a transposed view.</summary>
    Turned,

    /// <summary>All axes the other way round.</summary>
    Reversed,

    /// <summary>Gaps between the elements of a row too.</summary>
    Everywhere,
}

/// <summary>A tensor in guarded memory that ends with its last element; whatever lies between its elements is NaN.</summary>
internal sealed class OperatorTensor : IDisposable
{
    private readonly Layout _layout;
    private readonly GuardedBuffer _memory;

    internal OperatorTensor(float[] values, Spread spread, params nint[] lengths)
    {
        Lengths = lengths;
        nint[] strides = Strides(lengths, spread);
        nint extent = values.Length == 0 ? 0 : 1 + lengths.Zip(strides, (length, stride) => (length - 1) * stride).Aggregate((sum, reach) => sum + reach);
        _layout = Layout.Strided(lengths, strides);
        _memory = new GuardedBuffer((int)extent);
        _layout.Scatter(values, _memory.Span);
    }

    internal OperatorTensor(float[] values, params nint[] lengths)
        : this(values, Spread.Contiguous, lengths)
    {
    }

    internal static IReadOnlyList<Spread> Spreads { get; } = Enum.GetValues<Spread>();

    internal nint[] Lengths { get; }

    internal ReadOnlyTensorSpan<float> Read => _layout.Read((ReadOnlySpan<float>)_memory.Span);

    internal TensorSpan<float> Write => _layout.Write(_memory.Span);

    /// <summary>The elements in row-major order.</summary>
    internal float[] Values => _layout.Gather((ReadOnlySpan<float>)_memory.Span);

    public void Dispose() => _memory.Dispose();

    internal void Set(float[] values) => _layout.Scatter(values, _memory.Span);

    /// <summary>Whether everything between the elements still has all bits set, as it was mapped.</summary>
    internal bool GapsAreUntouched()
    {
        float[] memory = _memory.Span.ToArray();
        _layout.Scatter(Enumerable.Repeat(BitConverter.Int32BitsToSingle(-1), _layout.Count).ToArray(), memory);
        return Array.TrueForAll(memory, value => BitConverter.SingleToInt32Bits(value) == -1);
    }

    internal static int Count(params nint[] lengths) => (int)lengths.Aggregate((nint)1, (product, length) => product * length);

    internal static float[] Random(int count, ulong seed)
    {
        float[] numbers = new float[count];
        new PhiloxRandom(seed).FillNormal(numbers);
        return numbers;
    }

    internal static float[] Random(nint[] lengths, ulong seed) => Random(Count(lengths), seed);

    private static nint[] Strides(nint[] lengths, Spread spread)
    {
        const int Gap = 3;
        int rank = lengths.Length;
        int[] order = [.. Enumerable.Range(0, rank)];
        if (spread == Spread.Turned && rank > 1)
        {
            (order[^1], order[^2]) = (order[^2], order[^1]);
        }
        else if (spread == Spread.Reversed)
        {
            Array.Reverse(order);
        }

        nint[] strides = new nint[rank];
        nint stride = spread == Spread.Everywhere ? 2 : 1;
        for (int place = rank - 1; place >= 0; place--)
        {
            strides[order[place]] = stride;
            stride *= lengths[order[place]];
            stride += place == rank - 1 && spread != Spread.Contiguous ? Gap : 0;
        }

        return strides;
    }
}
