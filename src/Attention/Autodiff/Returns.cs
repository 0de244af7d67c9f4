using System.Numerics;

namespace Attention.Autodiff;

/// <summary>What a sampled step is judged by: the rewards that came of it, summed up.</summary>
/// <remarks>
/// Rewards are of the steps of sequences, <c>[sequences, steps]</c> row-major, such as the log-likelihood of each word. Steps past a sequence's
/// length are not looked at and have a return of 0.
/// </remarks>
public static class Returns
{
    /// <summary>Computes the sum of all rewards of a sequence, for each of its steps.</summary>
    /// <typeparam name="T">The type of the numbers.</typeparam>
    /// <param name="rewards">The rewards, <c>[sequences, steps]</c>.</param>
    /// <param name="steps">The steps of a sequence, those that do not count included.</param>
    /// <param name="lengths">How many steps of each sequence count; empty for all.</param>
    /// <param name="destination">Receives the returns; may be <paramref name="rewards"/> itself.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static void Whole<T>(ReadOnlySpan<T> rewards, int steps, ReadOnlySpan<int> lengths, Span<T> destination)
        where T : IFloatingPointIeee754<T>
    {
        ToGo(rewards, steps, lengths, destination);
        for (int start = 0; start < destination.Length; start += steps)
        {
            int length = lengths.Length == 0 ? steps : lengths[start / steps];
            destination.Slice(start, length).Fill(destination[start]);
        }
    }

    /// <summary>
    /// Computes for each step the sum of its own reward and all later ones of the sequence. A choice cannot change what was before: the
    /// estimate keeps its mean and, over many steps, mostly varies less than with <see cref="Whole"/>.
    /// </summary>
    /// <typeparam name="T">The type of the numbers.</typeparam>
    /// <param name="rewards">The rewards, <c>[sequences, steps]</c>.</param>
    /// <param name="steps">The steps of a sequence, those that do not count included.</param>
    /// <param name="lengths">How many steps of each sequence count; empty for all.</param>
    /// <param name="destination">Receives the returns; may be <paramref name="rewards"/> itself.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static void ToGo<T>(ReadOnlySpan<T> rewards, int steps, ReadOnlySpan<int> lengths, Span<T> destination)
        where T : IFloatingPointIeee754<T>
    {
        Check(rewards.Length, steps, lengths, destination.Length);
        for (int start = 0; start < rewards.Length; start += steps)
        {
            int length = lengths.Length == 0 ? steps : lengths[start / steps];
            T sum = T.Zero;
            destination.Slice(start + length, steps - length).Clear();
            for (int step = length - 1; step >= 0; step--)
            {
                sum += rewards[start + step];
                destination[start + step] = sum;
            }
        }
    }

    private static void Check(int rewards, int steps, ReadOnlySpan<int> lengths, int destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        if (rewards % steps != 0)
        {
            throw new ArgumentException($"'{nameof(rewards)}' has {rewards} elements; expected a multiple of {steps} steps.", nameof(rewards));
        }

        if (destination != rewards)
        {
            throw new ArgumentException($"'{nameof(destination)}' has {destination} elements; expected {rewards}.", nameof(destination));
        }

        if (lengths.Length != 0 && lengths.Length != rewards / steps)
        {
            throw new ArgumentException($"'{nameof(lengths)}' has {lengths.Length} elements; expected {rewards / steps}, one for each sequence.", nameof(lengths));
        }

        foreach (int length in lengths)
        {
            if (length < 0 || length > steps)
            {
                throw new ArgumentOutOfRangeException(nameof(lengths), length, $"'{nameof(lengths)}' has {length}; there are {steps} steps.");
            }
        }
    }
}
