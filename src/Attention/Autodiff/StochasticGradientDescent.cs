using Attention.Backends;

namespace Attention.Autodiff;

/// <summary>
/// Gradient descent with momentum: <c>v = momentum v + g</c>, <c>p = p - rate v</c>, or with Nesterov's variant
/// <c>p = p - rate (g + momentum v)</c>; as PyTorch's SGD.
/// </summary>
public sealed class StochasticGradientDescent : Optimizer
{
    private readonly float _momentum;
    private readonly bool _nesterov;
    private readonly float _weightDecay;
    private readonly DeviceTensor?[] _velocities;

    /// <summary>Creates an optimiser.</summary>
    /// <param name="parameters">What to change.</param>
    /// <param name="momentum">How much of the last step's velocity stays; 0 for none.</param>
    /// <param name="nesterov">Whether to look ahead along the velocity.</param>
    /// <param name="weightDecay">The share of a parameter that is added to its gradient.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative or not finite, or a momentum not below 1.</exception>
    public StochasticGradientDescent(IEnumerable<Parameter> parameters, float momentum = 0, bool nesterov = false, float weightDecay = 0)
        : base(parameters)
    {
        if (!(momentum is >= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(momentum), momentum, "A momentum lies in [0, 1).");
        }

        CheckRate(weightDecay, nameof(weightDecay));
        (_momentum, _nesterov, _weightDecay) = (momentum, nesterov, weightDecay);
        _velocities = new DeviceTensor?[Parameters.Count];
    }

    /// <inheritdoc/>
    protected override void Update(int index, DeviceTensor gradient, float learningRate, float gradientScale)
    {
        IComputeBackend backend = gradient.Backend;
        DeviceTensor data = Parameters[index].Data;
        if (_weightDecay > 0)
        {
            backend.Accumulate(data, gradient, _weightDecay, gradientScale);
            gradientScale = 1;
        }

        if (_momentum == 0)
        {
            backend.Accumulate(gradient, data, -learningRate * gradientScale, 1);
            return;
        }

        DeviceTensor velocity = State(_velocities, index);
        backend.Accumulate(gradient, velocity, gradientScale, _momentum);
        if (_nesterov)
        {
            backend.Accumulate(gradient, data, -learningRate * gradientScale, 1);
            backend.Accumulate(velocity, data, -learningRate * _momentum, 1);
        }
        else
        {
            backend.Accumulate(velocity, data, -learningRate, 1);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (DeviceTensor? velocity in _velocities)
            {
                velocity?.Dispose();
            }
        }
    }
}
