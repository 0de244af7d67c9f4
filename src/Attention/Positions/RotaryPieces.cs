using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>
/// Rotations cut by batch element and block of positions; a piece turns its positions in every head, so that its part of
/// the table is read from memory once and then from the first cache.
/// </summary>
internal unsafe struct RotaryPieces : IPieces
{
    /// <summary>The floats of the table that a block of positions may take: 16 KiB, half of the smallest first cache.</summary>
    private const int TableFloats = 1 << 12;

    internal HeadRows Input;
    internal HeadRows Output;
    internal int Batch;
    internal int Heads;
    internal int Length;
    internal int HeadSize;
    internal int RotarySize;

    /// <summary>A row of <see cref="RotarySize"/> floats for each position: cosines, then sines.</summary>
    internal float* Table;

    /// <summary>The position of row 0 where there are no <see cref="Positions"/>.</summary>
    internal int Offset;

    /// <summary><c>[batch, length]</c>, or null.</summary>
    internal int* Positions;

    internal RotaryLayout Layout;

    /// <summary>1 turns forwards, -1 back.</summary>
    internal float Direction;

    public readonly int Count => checked(Batch * Blocks);

    private readonly int BlockLength => Math.Max(1, TableFloats / RotarySize);

    private readonly int Blocks => (int)(((long)Length + BlockLength - 1) / BlockLength);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Invoke<TSimd, TVector>(int index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        (int batch, int block) = Math.DivRem(index, Blocks);
        int start = block * BlockLength;
        int end = Math.Min(Length, start + BlockLength);
        int pairs = RotarySize / 2;
        for (int head = 0; head < Heads; head++)
        {
            for (int row = start; row < end; row++)
            {
                nint position = Positions == null ? (nint)Offset + row : Positions[(nint)batch * Length + row];
                float* cosines = Table + position * RotarySize;
                float* source = Input.At(batch, head, row);
                float* target = Output.At(batch, head, row);
                if (Layout == RotaryLayout.Half)
                {
                    nint done = Halves<TSimd, TVector>(source, target, cosines, pairs, 0);
                    Halves<SimdScalar, float>(source, target, cosines, pairs, done);
                }
                else
                {
                    nint done = Neighbours<TSimd, TVector>(source, target, cosines, pairs, 0);
                    Neighbours<SimdScalar, float>(source, target, cosines, pairs, done);
                }

                if (source != target)
                {
                    int rest = HeadSize - RotarySize;
                    new ReadOnlySpan<float>(source + RotarySize, rest).CopyTo(new Span<float>(target + RotarySize, rest));
                }
            }
        }
    }

    /// <summary>Turns whole vectors of pairs (i, i + pairs) from <paramref name="pair"/> on; gives the first pair left over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly nint Halves<TSimd, TVector>(float* source, float* target, float* cosines, nint pairs, nint pair)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector direction = TSimd.Create(Direction);
        for (; pair <= pairs - TSimd.Count; pair += TSimd.Count)
        {
            TVector first = TSimd.Load(source + pair);
            TVector second = TSimd.Load(source + pairs + pair);
            TVector cosine = TSimd.Load(cosines + pair);
            TVector sine = TSimd.Multiply(direction, TSimd.Load(cosines + pairs + pair));
            TSimd.Store(TSimd.MultiplyAdd(first, cosine, TSimd.Subtract(TSimd.Zero, TSimd.Multiply(second, sine))), target + pair);
            TSimd.Store(TSimd.MultiplyAdd(second, cosine, TSimd.Multiply(first, sine)), target + pairs + pair);
        }

        return pair;
    }

    /// <summary>Turns whole vectors of pairs (2i, 2i + 1) from <paramref name="pair"/> on; gives the first pair left over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly nint Neighbours<TSimd, TVector>(float* source, float* target, float* cosines, nint pairs, nint pair)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector direction = TSimd.Create(Direction);
        for (; pair <= pairs - TSimd.Count; pair += TSimd.Count)
        {
            TVector first = TSimd.LoadPairs(source + 2 * pair, out TVector second);
            TVector cosine = TSimd.Load(cosines + pair);
            TVector sine = TSimd.Multiply(direction, TSimd.Load(cosines + pairs + pair));
            TVector turned = TSimd.MultiplyAdd(first, cosine, TSimd.Subtract(TSimd.Zero, TSimd.Multiply(second, sine)));
            TSimd.StorePairs(turned, TSimd.MultiplyAdd(second, cosine, TSimd.Multiply(first, sine)), target + 2 * pair);
        }

        return pair;
    }
}
