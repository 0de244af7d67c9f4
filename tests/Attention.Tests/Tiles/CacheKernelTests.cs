using Attention.Simd;
using Attention.TestKit;
using Attention.Tiles;

namespace Attention.Tests.Tiles;

/// <summary>
/// The kernels of caches at every width, storage and number of rows, on tiles that end at a page nobody may touch: every result
/// is the chain that the definition says, and nothing else is read or written.
/// </summary>
public class CacheKernelTests
{
    [Theory]
    [MemberData(nameof(Widths.All), MemberType = typeof(Widths))]
    public void Scores_AreChainsDownTheHead(SimdWidth width)
    {
        foreach (int size in new[] { 1, 2, 3, 5, 16, 31, 33, 64, 129 })
        {
            Widths.Run(width, new ScoresRun(size));
        }
    }

    [Theory]
    [MemberData(nameof(Widths.All), MemberType = typeof(Widths))]
    public void WeightedSums_AreChainsAlongTheTokens(SimdWidth width)
    {
        foreach (int columns in new[] { 16, 32, 48, 80, 128 })
        {
            foreach (int count in new[] { 1, 2, 7, 15, 16 })
            {
                Widths.Run(width, new AccumulateRun(columns, count));
            }
        }
    }

    private static unsafe float Widen(byte* source, int index, int bytes) => bytes switch
    {
        4 => ((float*)source)[index],
        2 => BitConverter.Int32BitsToSingle(((ushort*)source)[index] << 16),
        _ => ((sbyte*)source)[index],
    };

    /// <summary>Stored numbers that are all finite.</summary>
    private static unsafe GuardedBuffer<byte> Stored(int count, int bytes, Random random)
    {
        GuardedBuffer<byte> buffer = new(count * bytes);
        for (int i = 0; i < count; i++)
        {
            float number = (float)(random.NextDouble() - 0.5);
            switch (bytes)
            {
                case 4:
                    ((float*)buffer.Start)[i] = number;
                    break;
                case 2:
                    ((ushort*)buffer.Start)[i] = (ushort)(BitConverter.SingleToInt32Bits(number) >> 16);
                    break;
                default:
                    ((sbyte*)buffer.Start)[i] = (sbyte)(number * 254);
                    break;
            }
        }

        return buffer;
    }

    private readonly struct ScoresRun(int size) : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            Storage<TSimd, TVector, Float32Storage>();
            Storage<TSimd, TVector, BFloat16Storage>();
            Storage<TSimd, TVector, Int8Storage>();
        }

        private void Storage<TSimd, TVector, TStorage>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
            where TStorage : struct, ICacheStorage
        {
            Rows<TSimd, TVector, TStorage, OneRow>();
            Rows<TSimd, TVector, TStorage, TwoRows>();
            Rows<TSimd, TVector, TStorage, FourRows>();
            Rows<TSimd, TVector, TStorage, SixRows>();
        }

        private unsafe void Rows<TSimd, TVector, TStorage, TRows>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
            where TStorage : struct, ICacheStorage
            where TRows : struct, IRowCount
        {
            Random random = new(size);
            using GuardedBuffer queries = new(AttentionProblems.Normal(random, TRows.Count * size));
            using GuardedBuffer<byte> left = Stored(size * 16, TStorage.Bytes, random);
            using GuardedBuffer<byte> right = Stored(size * 16, TStorage.Bytes, random);
            using GuardedBuffer scores = new(TRows.Count * 2 * TSimd.Count);

            // The last vector of the left tile, the first of the right one.
            int token = 16 - TSimd.Count;
            CacheKernel.Scores<TSimd, TVector, TStorage, TRows>(
                queries.Start, size, left.Start + token * TStorage.Bytes, right.Start, size,
                scores.Start, scores.Start + TSimd.Count, 2 * TSimd.Count, right.Start, left.Start);

            for (int row = 0; row < TRows.Count; row++)
            {
                for (int lane = 0; lane < 2 * TSimd.Count; lane++)
                {
                    byte* tile = lane < TSimd.Count ? left.Start : right.Start;
                    int place = lane < TSimd.Count ? token + lane : lane - TSimd.Count;
                    float sum = 0;
                    for (int i = 0; i < size; i++)
                    {
                        sum = float.MultiplyAddEstimate(queries.Span[(row * size) + i], Widen(tile, (i * 16) + place, TStorage.Bytes), sum);
                    }

                    Tolerance.SameBits($"row {row}, lane {lane} of {TRows.Count}", [scores.Span[(row * 2 * TSimd.Count) + lane]], [sum]);
                }
            }
        }
    }

    private readonly struct AccumulateRun(int columns, int count) : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            Storage<TSimd, TVector, Float32Storage>();
            Storage<TSimd, TVector, BFloat16Storage>();
            Storage<TSimd, TVector, Int8Storage>();
        }

        private void Storage<TSimd, TVector, TStorage>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
            where TStorage : struct, ICacheStorage
        {
            Rows<TSimd, TVector, TStorage, OneRow>();
            Rows<TSimd, TVector, TStorage, TwoRows>();
            Rows<TSimd, TVector, TStorage, FourRows>();
            Rows<TSimd, TVector, TStorage, SixRows>();
        }

        private unsafe void Rows<TSimd, TVector, TStorage, TRows>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
            where TStorage : struct, ICacheStorage
            where TRows : struct, IRowCount
        {
            Random random = new(columns + count);
            float[] before = AttentionProblems.Normal(random, TRows.Count * columns);
            using GuardedBuffer weights = new(AttentionProblems.Normal(random, TRows.Count * count));
            using GuardedBuffer<byte> values = Stored(columns * count, TStorage.Bytes, random);
            using GuardedBuffer accumulators = new(before);

            CacheValues.Accumulate<TSimd, TVector, TStorage, TRows>(
                weights.Start, count, values.Start, columns, count, accumulators.Start, columns, values.Start);

            for (int row = 0; row < TRows.Count; row++)
            {
                for (int column = 0; column < columns; column++)
                {
                    float sum = before[(row * columns) + column];
                    for (int token = 0; token < count; token++)
                    {
                        float value = Widen(values.Start, (token * columns) + column, TStorage.Bytes);
                        sum = float.MultiplyAddEstimate(weights.Span[(row * count) + token], value, sum);
                    }

                    Tolerance.SameBits($"row {row}, column {column} of {columns}", [accumulators.Span[(row * columns) + column]], [sum]);
                }
            }
        }
    }
}
