using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>
/// Rows of sinusoidal positions, some thousand channels to a piece. The sines of the runtime in double are the definition, so
/// there are no vectors here.
/// </summary>
internal readonly unsafe struct SinusoidalPieces : IPieces
{
    /// <summary>A sine in double takes about as long as reading and writing this many floats.</summary>
    internal const int FloatsPerChannel = 16;

    private const int ChannelsPerPiece = 1 << 12;

    private readonly float* _destination;
    private readonly nint _stride;
    private readonly nint _length;
    private readonly int _size;
    private readonly int _start;
    private readonly SinusoidalForm _form;
    private readonly bool _add;
    private readonly double* _frequency;
    private readonly nint _rowsPerPiece;

    internal SinusoidalPieces(
        float* destination, nint stride, nint length, int size, int start, SinusoidalForm form, bool add, double* frequency)
    {
        _destination = destination;
        _stride = stride;
        _length = length;
        _size = size;
        _start = start;
        _form = form;
        _add = add;
        _frequency = frequency;
        _rowsPerPiece = Math.Max(1, ChannelsPerPiece / size);
    }

    public int Count => (int)((_length + _rowsPerPiece - 1) / _rowsPerPiece);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke<TSimd, TVector>(int index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint end = Math.Min(_length, (index + 1) * _rowsPerPiece);
        for (nint row = index * _rowsPerPiece; row < end; row++)
        {
            float* channels = _destination + row * _stride;
            double position = (double)_start + row;
            if (_form == SinusoidalForm.Interleaved)
            {
                Interleaved(channels, position);
            }
            else
            {
                Halves(channels, position);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Interleaved(float* channels, double position)
    {
        for (int pair = 0; pair < _size / 2; pair++)
        {
            (double sine, double cosine) = Math.SinCos(position * _frequency[pair]);
            Put(channels + 2 * pair, sine);
            Put(channels + 2 * pair + 1, cosine);
        }

        if (_size % 2 != 0)
        {
            Put(channels + _size - 1, Math.Sin(position * _frequency[_size / 2]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Halves(float* channels, double position)
    {
        int half = _size / 2;
        for (int pair = 0; pair < half; pair++)
        {
            (double sine, double cosine) = Math.SinCos(position * _frequency[pair]);
            Put(channels + pair, sine);
            Put(channels + half + pair, cosine);
        }

        if (_size % 2 != 0)
        {
            Put(channels + _size - 1, 0);
        }
    }

    private void Put(float* channel, double value) => *channel = _add ? *channel + (float)value : (float)value;
}
