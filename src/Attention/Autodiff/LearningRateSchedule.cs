namespace Attention.Autodiff;

/// <summary>How large the learning rate is at each step of a training.</summary>
/// <remarks>
/// <para>
/// Steps count from 1, the first update. Every schedule begins with a warm-up, which rises evenly to its end: the peak is
/// reached at step <c>warmupSteps</c>. A warm-up of 0 steps begins at the peak. Step 0 gives what comes before the first update:
/// 0 with a warm-up, else the peak.
/// </para>
/// <para>A value, without state: ask it for any step, in any order. The default value is a rate of 0 at every step.</para>
/// </remarks>
public readonly record struct LearningRateSchedule
{
    private readonly Shape _shape;
    private readonly double _peak;
    private readonly double _floor;
    private readonly long _warmupSteps;
    private readonly long _totalSteps;

    private LearningRateSchedule(Shape shape, double peak, double floor, long warmupSteps, long totalSteps)
    {
        _shape = shape;
        _peak = peak;
        _floor = floor;
        _warmupSteps = warmupSteps;
        _totalSteps = totalSteps;
    }

    private enum Shape
    {
        Constant,
        InverseRoot,
        Cosine,
        Linear,
    }

    /// <summary>
    /// <c>factor modelSize^-0.5 min(step^-0.5, step warmupSteps^-1.5)</c>: rises evenly, then falls with the root of the step.
    /// </summary>
    /// <remarks>Vaswani et al., "Attention Is All You Need" (NeurIPS 2017), equation 3, where it has warmupSteps = 4000.</remarks>
    /// <param name="modelSize">The size of the model's vectors.</param>
    /// <param name="warmupSteps">The step at which the rate is largest; at least 1.</param>
    /// <param name="factor">The factor on the whole.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="modelSize"/> or <paramref name="warmupSteps"/> is not positive, or <paramref name="factor"/> not finite or
    /// negative.
    /// </exception>
    public static LearningRateSchedule Noam(int modelSize, long warmupSteps = 4000, double factor = 1)
    {
        Positive(modelSize, nameof(modelSize));
        Positive(warmupSteps, nameof(warmupSteps));
        Rate(factor, nameof(factor));
        return new LearningRateSchedule(Shape.InverseRoot, factor / Math.Sqrt((double)modelSize * warmupSteps), 0, warmupSteps, 0);
    }

    /// <summary>Rises evenly to <paramref name="peak"/> and stays there.</summary>
    /// <param name="peak">The rate after the warm-up.</param>
    /// <param name="warmupSteps">The step at which it is reached; 0 for no warm-up.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="peak"/> is not finite or negative, or <paramref name="warmupSteps"/> negative.
    /// </exception>
    public static LearningRateSchedule Constant(double peak, long warmupSteps = 0)
    {
        Rate(peak, nameof(peak));
        NotNegative(warmupSteps, nameof(warmupSteps));
        return new LearningRateSchedule(Shape.Constant, peak, peak, warmupSteps, 0);
    }

    /// <summary>
    /// Rises evenly to <paramref name="peak"/>, falls along half a cosine, and stays at <paramref name="floor"/> from
    /// <paramref name="totalSteps"/> on: <c>floor + (peak - floor) (1 + cos(pi progress)) / 2</c>, where
    /// <c>progress = (step - warmupSteps) / (totalSteps - warmupSteps)</c>.
    /// </summary>
    /// <remarks>Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (ICLR 2017), equation 5, without restarts.</remarks>
    /// <param name="peak">The largest rate.</param>
    /// <param name="warmupSteps">The step at which it is reached; 0 for no warm-up.</param>
    /// <param name="totalSteps">The step at which the floor is reached; after the warm-up.</param>
    /// <param name="floor">The last rate; the warm-up begins at 0 all the same.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="peak"/> is not finite or negative, <paramref name="warmupSteps"/> negative, <paramref name="totalSteps"/>
    /// not above it, or <paramref name="floor"/> not from 0 to <paramref name="peak"/>.
    /// </exception>
    public static LearningRateSchedule Cosine(double peak, long warmupSteps, long totalSteps, double floor = 0) =>
        Falling(Shape.Cosine, peak, warmupSteps, totalSteps, floor);

    /// <summary>
    /// Rises evenly to <paramref name="peak"/>, falls evenly, and stays at <paramref name="floor"/> from
    /// <paramref name="totalSteps"/> on: <c>peak + (floor - peak) (step - warmupSteps) / (totalSteps - warmupSteps)</c>.
    /// </summary>
    /// <param name="peak">The largest rate.</param>
    /// <param name="warmupSteps">The step at which it is reached; 0 for no warm-up.</param>
    /// <param name="totalSteps">The step at which the floor is reached; after the warm-up.</param>
    /// <param name="floor">The last rate; the warm-up begins at 0 all the same.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="peak"/> is not finite or negative, <paramref name="warmupSteps"/> negative, <paramref name="totalSteps"/>
    /// not above it, or <paramref name="floor"/> not from 0 to <paramref name="peak"/>.
    /// </exception>
    public static LearningRateSchedule Linear(double peak, long warmupSteps, long totalSteps, double floor = 0) =>
        Falling(Shape.Linear, peak, warmupSteps, totalSteps, floor);

    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">The number of the update, from 1.</param>
    /// <returns>The rate.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="step"/> is negative.</exception>
    public float At(long step)
    {
        NotNegative(step, nameof(step));
        return (float)(step < _warmupSteps ? _peak * ((double)step / _warmupSteps) : AfterWarmup(step));
    }

    private double AfterWarmup(long step)
    {
        double progress = step < _totalSteps ? (double)(step - _warmupSteps) / (_totalSteps - _warmupSteps) : 1;
        return _shape switch
        {
            Shape.InverseRoot => _peak * Math.Sqrt((double)_warmupSteps / step),
            Shape.Cosine => _floor + (_peak - _floor) * ((1 + Math.Cos(Math.PI * progress)) / 2),
            Shape.Linear => _floor + (_peak - _floor) * (1 - progress),
            _ => _peak,
        };
    }

    private static LearningRateSchedule Falling(Shape shape, double peak, long warmupSteps, long totalSteps, double floor)
    {
        Rate(peak, nameof(peak));
        NotNegative(warmupSteps, nameof(warmupSteps));
        if (totalSteps <= warmupSteps)
        {
            Throw.OutOfRange(
                nameof(totalSteps), totalSteps, $"'{nameof(totalSteps)}' is {totalSteps}; expected more than the {warmupSteps} steps of the warm-up.");
        }

        if (!(floor >= 0 && floor <= peak))
        {
            Throw.OutOfRange(nameof(floor), floor, $"'{nameof(floor)}' is {floor}; expected a rate from 0 to the peak, {peak}.");
        }

        return new LearningRateSchedule(shape, peak, floor, warmupSteps, totalSteps);
    }

    private static void Rate(double rate, string parameter)
    {
        if (!(rate >= 0 && double.IsFinite(rate)))
        {
            Throw.OutOfRange(parameter, rate, $"'{parameter}' is {rate}; expected a finite number, 0 or more.");
        }
    }

    private static void Positive(long number, string parameter)
    {
        if (number <= 0)
        {
            Throw.OutOfRange(parameter, number, $"'{parameter}' is {number}; expected a positive number.");
        }
    }

    private static void NotNegative(long number, string parameter)
    {
        if (number < 0)
        {
            Throw.OutOfRange(parameter, number, $"'{parameter}' is {number}; expected 0 or more.");
        }
    }
}
