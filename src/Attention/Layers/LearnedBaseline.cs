using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>
/// A baseline predicted from the state before a choice, <c>b = state weight^T + bias</c>, and trained by squared error (Mnih and
/// Gregor 2014, section 2.3). Parameters: <c>weight [1, stateSize]</c>, zero, and <c>bias [1]</c>, zero.
/// </summary>
/// <remarks>
/// Nothing passes back to the state: the baseline must not shape what it judges. Its predictions enter as constants, through
/// <see cref="Advantages.Against"/>.
/// </remarks>
public sealed class LearnedBaseline : Layer
{
    private readonly Parameter _weight;
    private readonly Parameter _bias;
    private readonly int _stateSize;

    /// <summary>Creates a layer.</summary>
    /// <param name="stateSize">Numbers of a state.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is not positive.</exception>
    public LearnedBaseline(int stateSize, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stateSize);
        _stateSize = stateSize;
        _weight = AddParameter("weight", new float[stateSize], 1, stateSize);
        _bias = AddParameter("bias", [0], 1);
    }

    /// <summary>Predicts returns.</summary>
    /// <param name="state"><c>[..., stateSize]</c>, what was known before the choice.</param>
    /// <returns><c>[..., 1]</c>.</returns>
    /// <exception cref="ArgumentException">The last axis is not <c>stateSize</c>.</exception>
    public Variable Forward(Variable state)
    {
        LayerInput.CheckRows(state, nameof(state), _stateSize);
        using Variable constant = state.Tape is { } tape ? tape.Constant(state.Data.Share()) : state.Detach();
        return Differentiable.Linear(constant, _weight, _bias);
    }

    /// <summary>The mean of <c>(prediction - return)^2</c>, of shape <c>[1]</c>.</summary>
    /// <param name="prediction">What <see cref="Forward"/> gave.</param>
    /// <param name="returns">As many returns, row-major.</param>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static Variable Loss(Variable prediction, ReadOnlySpan<float> returns)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        if (returns.Length != prediction.Data.Count)
        {
            throw new ArgumentException($"'{nameof(returns)}' has {returns.Length} elements; expected {prediction.Data.Count}.", nameof(returns));
        }

        float[] negative = new float[returns.Length];
        for (int i = 0; i < negative.Length; i++)
        {
            negative[i] = -returns[i];
        }

        using Variable targets = Variable.Constant(DeviceTensor.Create(prediction.Data.Backend, negative, prediction.Data.Lengths));
        using Variable difference = Differentiable.Add(prediction, targets);
        using Variable square = Differentiable.Multiply(difference, difference);
        return Differentiable.Sum(square, 1f / Math.Max(1, returns.Length));
    }
}
