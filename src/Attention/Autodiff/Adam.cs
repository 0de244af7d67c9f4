using Attention.Backends;
using Attention.Operators;

namespace Attention.Autodiff;

/// <summary>
/// Adam (Kingma and Ba 2015) with bias correction; with a weight decay AdamW (Loshchilov and Hutter 2019), whose decay is not
/// part of the gradient.
/// </summary>
/// <remarks>The bias of a parameter's running means is corrected by the steps that it took itself, those with a gradient.</remarks>
public sealed class Adam : Optimizer
{
    private readonly float _beta1;
    private readonly float _beta2;
    private readonly float _epsilon;
    private readonly float _weightDecay;
    private readonly DeviceTensor?[] _first;
    private readonly DeviceTensor?[] _second;
    private readonly long[] _steps;

    /// <summary>Creates an optimiser.</summary>
    /// <param name="parameters">What to change.</param>
    /// <param name="beta1">The decay of the running mean of gradients.</param>
    /// <param name="beta2">The decay of the running mean of their squares; Vaswani et al. have 0.98.</param>
    /// <param name="epsilon">Added to the root of the latter.</param>
    /// <param name="weightDecay">The share of itself, times the learning rate, by which every parameter shrinks.</param>
    /// <exception cref="ArgumentOutOfRangeException">A beta is not in [0, 1), or another number is negative or not finite.</exception>
    public Adam(IEnumerable<Parameter> parameters, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0)
        : base(parameters)
    {
        _beta1 = CheckBeta(beta1, nameof(beta1));
        _beta2 = CheckBeta(beta2, nameof(beta2));
        CheckRate(epsilon, nameof(epsilon));
        CheckRate(weightDecay, nameof(weightDecay));
        (_epsilon, _weightDecay) = (epsilon, weightDecay);
        _first = new DeviceTensor?[Parameters.Count];
        _second = new DeviceTensor?[Parameters.Count];
        _steps = new long[Parameters.Count];
    }

    /// <inheritdoc/>
    protected override void Update(int index, DeviceTensor gradient, float learningRate, float gradientScale) =>
        gradient.Backend.AdamUpdate(
            Parameters[index].Data, gradient, State(_first, index), State(_second, index),
            new AdamStep(learningRate, _beta1, _beta2, _epsilon, _weightDecay, gradientScale, ++_steps[index]));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (DeviceTensor? state in _first.Concat(_second))
            {
                state?.Dispose();
            }
        }
    }

    private static float CheckBeta(float beta, string name) =>
        beta is >= 0 and < 1 ? beta : throw new ArgumentOutOfRangeException(name, beta, "A decay lies in [0, 1).");
}
