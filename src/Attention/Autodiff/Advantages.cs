using System.Numerics;

namespace Attention.Autodiff;

/// <summary>Returns less a baseline, which keeps the mean of the REINFORCE estimate and lowers its variance.</summary>
/// <remarks>
/// A baseline must not depend on the choice that it is subtracted for: then <c>sum_s p(s) b d ln p(s) = 0</c>. It may depend on what was
/// before the choice (a learned one), on other draws (leave-one-out, moving), or on what the model would have chosen (self-critical).
/// </remarks>
public static class Advantages
{
    /// <summary>Computes <c>returns - baseline</c>, with one baseline for all.</summary>
    /// <typeparam name="T">The type of the numbers.</typeparam>
    /// <param name="returns">The returns.</param>
    /// <param name="baseline">The baseline.</param>
    /// <param name="destination">Receives the advantages; may be <paramref name="returns"/> itself.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Constant<T>(ReadOnlySpan<T> returns, T baseline, Span<T> destination)
        where T : IFloatingPointIeee754<T>
    {
        CheckLength(destination.Length, returns.Length, nameof(destination));
        for (int i = 0; i < returns.Length; i++)
        {
            destination[i] = returns[i] - baseline;
        }
    }

    /// <summary>
    /// Computes <c>returns - baselines</c>, each return having its own: the predictions of a learned baseline, or, for self-critical training (Rennie et
    /// al. 2017), the returns of the sequences that choosing the largest scores gives.
    /// </summary>
    /// <typeparam name="T">The type of the numbers.</typeparam>
    /// <param name="returns">The returns.</param>
    /// <param name="baselines">The baselines, as many.</param>
    /// <param name="destination">Receives the advantages; may be <paramref name="returns"/> itself.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Against<T>(ReadOnlySpan<T> returns, ReadOnlySpan<T> baselines, Span<T> destination)
        where T : IFloatingPointIeee754<T>
    {
        CheckLength(baselines.Length, returns.Length, nameof(baselines));
        CheckLength(destination.Length, returns.Length, nameof(destination));
        for (int i = 0; i < returns.Length; i++)
        {
            destination[i] = returns[i] - baselines[i];
        }
    }

    /// <summary>
    /// Computes <c>returns_k - mean of returns_l over l != k</c>: of several draws of the same thing each has the mean of the others for its
    /// baseline (Kool et al. 2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!").
    /// </summary>
    /// <typeparam name="T">The type of the numbers.</typeparam>
    /// <param name="returns">The returns, <c>[samples, count]</c> row-major.</param>
    /// <param name="samples">How many draws, at least 2.</param>
    /// <param name="destination">Receives the advantages; may be <paramref name="returns"/> itself.</param>
    /// <exception cref="ArgumentException">There are fewer than two draws, or the lengths do not fit.</exception>
    public static void LeaveOneOut<T>(ReadOnlySpan<T> returns, int samples, Span<T> destination)
        where T : IFloatingPointIeee754<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 2);
        if (returns.Length % samples != 0)
        {
            throw new ArgumentException($"'{nameof(returns)}' has {returns.Length} elements; expected a multiple of {samples} samples.", nameof(returns));
        }

        CheckLength(destination.Length, returns.Length, nameof(destination));
        int count = returns.Length / samples;
        for (int i = 0; i < count; i++)
        {
            T sum = T.Zero;
            for (int sample = 0; sample < samples; sample++)
            {
                sum += returns[sample * count + i];
            }

            for (int sample = 0; sample < samples; sample++)
            {
                T own = returns[sample * count + i];
                destination[sample * count + i] = own - (sum - own) / T.CreateChecked(samples - 1);
            }
        }
    }

    internal static void CheckLength(int length, int expected, string name)
    {
        if (length != expected)
        {
            throw new ArgumentException($"'{name}' has {length} elements; expected {expected}.", name);
        }
    }
}
