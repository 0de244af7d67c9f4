using Attention.Backends;

namespace Attention.Autodiff;

/// <summary>Changes parameters along their gradients. Parameters without a gradient are left alone.</summary>
public abstract class Optimizer : IDisposable
{
    private bool _isDisposed;

    /// <summary>Keeps the parameters.</summary>
    /// <param name="parameters">What to change; each once.</param>
    protected Optimizer(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameters = [.. parameters.Distinct()];
    }

    /// <summary>What is changed.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>How many steps were taken.</summary>
    public long Steps { get; private set; }

    /// <summary>The root of the sum of squares over all gradients.</summary>
    public double GradientNorm() =>
        Math.Sqrt(Parameters.Sum(parameter => parameter.Gradient is { } gradient ? gradient.Backend.SumOfSquares(gradient) : 0));

    /// <summary>Takes a step and forgets the gradients.</summary>
    /// <param name="learningRate">How far.</param>
    /// <param name="maxGradientNorm">Gradients are scaled down together so that their norm is at most this; infinity for no limit.</param>
    /// <returns>The norm of the gradients before, or 0 if it was not asked for.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A rate is negative or not finite, or a norm not positive.</exception>
    /// <exception cref="ObjectDisposedException">The optimiser was disposed.</exception>
    public double Step(float learningRate, double maxGradientNorm = double.PositiveInfinity)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CheckRate(learningRate, nameof(learningRate));
        if (!(maxGradientNorm > 0))
        {
            throw new ArgumentOutOfRangeException(nameof(maxGradientNorm), maxGradientNorm, "A norm is positive.");
        }

        double norm = double.IsPositiveInfinity(maxGradientNorm) ? 0 : GradientNorm();
        float scale = norm > maxGradientNorm ? (float)(maxGradientNorm / norm) : 1;
        for (int i = 0; i < Parameters.Count; i++)
        {
            if (Parameters[i].Gradient is { } gradient)
            {
                Update(i, gradient, learningRate, scale);
                Parameters[i].ClearGradient();
            }
        }

        Steps++;
        return norm;
    }

    /// <summary>Gives the memory of the optimiser's own state back; the parameters stay.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Changes one parameter.</summary>
    /// <param name="index">Its place in <see cref="Parameters"/>.</param>
    /// <param name="gradient">Its gradient, which may be overwritten.</param>
    /// <param name="learningRate">How far.</param>
    /// <param name="gradientScale">The factor on the gradient.</param>
    protected abstract void Update(int index, DeviceTensor gradient, float learningRate, float gradientScale);

    /// <summary>Disposes the state.</summary>
    /// <param name="disposing">Whether called by <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);

    private protected static void CheckRate(float rate, string name)
    {
        if (!(rate >= 0 && float.IsFinite(rate)))
        {
            throw new ArgumentOutOfRangeException(name, rate, "Expected a finite number that is not negative.");
        }
    }

    /// <summary>A tensor of zeros for each parameter, made when first asked for.</summary>
    private protected DeviceTensor State(DeviceTensor?[] states, int index) =>
        states[index] ??= DeviceTensor.Zeros(Parameters[index].Data.Backend, Parameters[index].Data.Lengths);
}
