using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Gemm;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Writes the new tokens of one key head of one sequence, converted, into its tiles.</summary>
internal readonly unsafe struct CacheStore<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly CacheInput _input;

    internal CacheStore(in CacheInput input)
    {
        _input = input;
    }

    public void Invoke(int index)
    {
        int head = index % _input.Layout.KeyValueHeads;
        int batch = index / _input.Layout.KeyValueHeads;
        CacheView view = _input.Views[batch];

        // Room for one row of stored numbers, which never take more than floats do.
        using Scratch.Rental rental = Scratch.Rent(_input.Layout.HeadSize);
        for (int token = 0; token < view.Count;)
        {
            int position = view.Length + token;
            int lane = position % CacheLayout.Tokens;
            int count = Math.Min(CacheLayout.Tokens - lane, view.Count - token);
            byte* tile = view.Tile(head, position / CacheLayout.Tokens, _input.Layout.TileBytes);
            StoreKeys(_input.Key.At(batch, head, token), lane, count, tile, (byte*)rental.Memory);
            StoreValues(_input.Value.At(batch, head, token), lane, count, tile);
            token += count;
        }
    }

    /// <summary>Keys become neighbouring columns of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void StoreKeys(float* keys, int lane, int count, byte* tile, byte* row)
    {
        int size = _input.Layout.HeadSize;
        if (_input.Layout.ElementBytes == Float32Storage.Bytes)
        {
            if (count == CacheLayout.Tokens)
            {
                PanelPacking.Pack(keys, _input.Key.RowStride, 1, count, size, (float*)tile, CacheLayout.Tokens);
                return;
            }

            for (int i = 0; i < count; i++)
            {
                Spread(keys + i * _input.Key.RowStride, (float*)tile + lane + i, size);
            }

            return;
        }

        for (int i = 0; i < count; i++, keys += _input.Key.RowStride)
        {
            if (_input.Layout.IsScaled)
            {
                _input.Layout.KeyScales(tile)[lane + i] = Conversions.ToInt8<TSimd, TVector>(keys, (sbyte*)row, size);
                Spread((sbyte*)row, (sbyte*)tile + lane + i, size);
            }
            else
            {
                Conversions.ToBFloat16<TSimd, TVector>(keys, (ushort*)row, size);
                Spread((ushort*)row, (ushort*)tile + lane + i, size);
            }
        }
    }

    /// <summary>Values stay rows; what a row has over the value size is zero.</summary>
    private void StoreValues(float* values, int lane, int count, byte* tile)
    {
        CacheLayout layout = _input.Layout;
        nint rowBytes = (nint)layout.ValueStride * layout.ElementBytes;
        byte* row = tile + layout.ValueOffset + lane * rowBytes;
        int used = layout.ValueSize * layout.ElementBytes;
        for (int i = 0; i < count; i++, values += _input.Value.RowStride, row += rowBytes)
        {
            if (layout.IsScaled)
            {
                layout.ValueScales(tile)[lane + i] = Conversions.ToInt8<TSimd, TVector>(values, (sbyte*)row, layout.ValueSize);
            }
            else if (layout.ElementBytes == BFloat16Storage.Bytes)
            {
                Conversions.ToBFloat16<TSimd, TVector>(values, (ushort*)row, layout.ValueSize);
            }
            else
            {
                new ReadOnlySpan<float>(values, layout.ValueSize).CopyTo(new Span<float>(row, layout.ValueSize));
            }

            new Span<byte>(row + used, (int)(rowBytes - used)).Clear();
        }
    }

    /// <summary>A row becomes a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Spread<T>(T* row, T* column, int size)
        where T : unmanaged
    {
        for (int i = 0; i < size; i++, column += CacheLayout.Tokens)
        {
            *column = row[i];
        }
    }
}
