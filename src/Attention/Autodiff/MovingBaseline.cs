using System.Numerics;

namespace Attention.Autodiff;

/// <summary>
/// A baseline that follows the returns of past minibatches, <c>b = decay b + (1 - decay) mean(returns)</c> (Xu et al. 2015, section 4.1, with
/// a decay of 0.9).
/// </summary>
/// <remarks>
/// Subtract first and update then: a baseline that had seen the returns it is subtracted from would depend on the choices.
/// </remarks>
public sealed class MovingBaseline
{
    /// <summary>Creates a baseline.</summary>
    /// <param name="decay">How much of it stays at an update, in [0, 1].</param>
    /// <param name="value">Where it begins.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="decay"/> is not in [0, 1], or <paramref name="value"/> is not finite.</exception>
    public MovingBaseline(double decay = 0.9, double value = 0)
    {
        Decay = decay is >= 0 and <= 1 ? decay : throw new ArgumentOutOfRangeException(nameof(decay), decay, "A decay lies in [0, 1].");
        Value = double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A baseline begins with a finite number.");
    }

    /// <summary>How much of it stays at an update.</summary>
    public double Decay { get; }

    /// <summary>The baseline.</summary>
    public double Value { get; private set; }

    /// <summary>Computes <c>returns - Value</c>.</summary>
    /// <typeparam name="T">The type of the numbers.</typeparam>
    /// <param name="returns">The returns of a minibatch that <see cref="Update"/> has not seen.</param>
    /// <param name="destination">Receives the advantages; may be <paramref name="returns"/> itself.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Subtract<T>(ReadOnlySpan<T> returns, Span<T> destination)
        where T : IFloatingPointIeee754<T> => Advantages.Constant(returns, T.CreateChecked(Value), destination);

    /// <summary>Moves towards the mean of the returns of a minibatch; none change nothing.</summary>
    /// <typeparam name="T">The type of the numbers.</typeparam>
    /// <param name="returns">The returns.</param>
    public void Update<T>(ReadOnlySpan<T> returns)
        where T : IFloatingPointIeee754<T>
    {
        double sum = 0;
        foreach (T number in returns)
        {
            sum += double.CreateChecked(number);
        }

        Value = returns.IsEmpty ? Value : Decay * Value + (1 - Decay) * sum / returns.Length;
    }
}
