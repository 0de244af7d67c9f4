using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;

namespace Attention.Layers;

/// <summary>
/// The feed-forward block of a Transformer: <c>linear2(activation(linear1(x)))</c>, or with
/// <see cref="FeedForwardKind.SwiGlu"/> <c>linear2(silu(gate(x)) * linear1(x))</c>. Parameters: those of <c>linear1</c>,
/// <c>linear2</c> and <c>gate</c>.
/// </summary>
public sealed class FeedForward : Layer
{
    private readonly FeedForwardKind _kind;
    private readonly Linear? _gate;
    private readonly float _dropout;

    /// <summary>Creates a block.</summary>
    /// <param name="modelSize">Numbers in and out.</param>
    /// <param name="innerSize">Numbers between the two.</param>
    /// <param name="kind">What stands between the two.</param>
    /// <param name="dropout">The probability with which a number between the two is dropped in training.</param>
    /// <param name="hasBias">Whether the linear layers have biases.</param>
    /// <param name="seed">Decides the first weights.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is not positive, <paramref name="kind"/> is undefined, or <paramref name="dropout"/> is not in [0, 1].
    /// </exception>
    public FeedForward(
        int modelSize, int innerSize, FeedForwardKind kind = FeedForwardKind.Relu, float dropout = 0, bool hasBias = true,
        ulong seed = 0, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(modelSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(innerSize);
        _kind = Initial.CheckDefined(kind, nameof(kind));
        _dropout = Initial.CheckProbability(dropout, nameof(dropout));
        First = AddLayer("linear1", new Linear(modelSize, innerSize, hasBias, Initial.Seed(seed, 0), Backend));
        Second = AddLayer("linear2", new Linear(innerSize, modelSize, hasBias, Initial.Seed(seed, 1), Backend));
        _gate = kind == FeedForwardKind.SwiGlu
            ? AddLayer("gate", new Linear(modelSize, innerSize, hasBias, Initial.Seed(seed, 2), Backend))
            : null;
    }

    /// <summary>The first linear layer.</summary>
    public Linear First { get; }

    /// <summary>The second linear layer.</summary>
    public Linear Second { get; }

    /// <summary>Computes the block.</summary>
    /// <param name="input"><c>[..., modelSize]</c>.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The last axis is not <c>modelSize</c>.</exception>
    public Variable Forward(Variable input)
    {
        using Variable inner = First.Forward(input);
        using Variable active = Between(input, inner);
        if (_dropout == 0)
        {
            return Second.Forward(active);
        }

        using Variable dropped = Differentiable.Drop(active, _dropout);
        return Second.Forward(dropped);
    }

    private Variable Between(Variable input, Variable inner)
    {
        if (_gate is null)
        {
            return Differentiable.Activate(Activation(_kind), inner);
        }

        using Variable gate = _gate.Forward(input);
        using Variable open = Differentiable.Activate(ActivationKind.Silu, gate);
        return Differentiable.Multiply(open, inner);
    }

    private static ActivationKind Activation(FeedForwardKind kind) => kind switch
    {
        FeedForwardKind.Relu => ActivationKind.Relu,
        FeedForwardKind.Gelu => ActivationKind.Gelu,
        FeedForwardKind.GeluTanh => ActivationKind.GeluTanh,
        _ => ActivationKind.Silu,
    };
}
