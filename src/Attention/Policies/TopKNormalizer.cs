using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Softmax over the k largest scores, the first of equal ones; the others weigh zero. With k at least the number of keys it is
/// softmax. The gradient goes to the scores that were kept.
/// </summary>
/// <remarks>A row with NaN or positive infinity gives NaN. The default value has no k and fits no call.</remarks>
public readonly unsafe struct TopKNormalizer : INormalizer
{
    private readonly int _count;

    /// <summary>Softmax over so many scores.</summary>
    /// <param name="count">How many, k.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is not positive.</exception>
    public TopKNormalizer(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        _count = count;
    }

    /// <summary>How many scores of a row are kept.</summary>
    public int Count => _count;

    /// <inheritdoc/>
    public static void CheckCall<TNormalizer>(in TNormalizer normalizer)
        where TNormalizer : struct, INormalizer
    {
        if (Self.Of<TNormalizer, TopKNormalizer>(in normalizer)._count == 0)
        {
            throw new ArgumentException($"'{nameof(normalizer)}' is a default value without a count.", nameof(normalizer));
        }
    }

    /// <inheritdoc/>
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* source = scores, destination = weights)
        {
            if (_count >= scores.Length)
            {
                RowSoftmax.Forward<TSimd, TVector>(source, destination, scores.Length);
            }
            else if (RowScan.HasNaN<TSimd, TVector>(source, scores.Length))
            {
                weights.Fill(float.NaN);
            }
            else
            {
                RowSelection.KeepLargest(source, destination, scores.Length, _count);
                RowSoftmax.Forward<TSimd, TVector>(destination, destination, scores.Length);
            }
        }
    }

    /// <inheritdoc/>
    public void Differentiate<TSimd, TVector>(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> weights, ReadOnlySpan<float> weightGradient, Span<float> scoreGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => default(SoftmaxNormalizer).Differentiate<TSimd, TVector>(scores, weights, weightGradient, scoreGradient);
}
