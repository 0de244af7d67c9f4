using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>What encoder and decoder layers share: a residual around each part, normalised before or after.</summary>
public abstract class TransformerBlock : Layer
{
    private protected TransformerBlock(TransformerOptions options, IComputeBackend? backend)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        Options = options;
        SelfAttention = AddLayer("self_attn", new MultiHeadAttention(options.Attention with { Seed = Initial.Seed(options.Seed, 0) }, Backend));
    }

    /// <summary>What the layer is made of.</summary>
    public TransformerOptions Options { get; }

    /// <summary>The attention of the sequence to itself.</summary>
    public MultiHeadAttention SelfAttention { get; }

    /// <summary>The last norm of a stack of such layers, or null if it has none.</summary>
    internal static TransformerNorm? LastNorm(TransformerOptions options, IComputeBackend backend) =>
        options.HasLastNorm ?? options.NormOrder == NormOrder.Pre
            ? new TransformerNorm(options, backend)
            : null;

    private protected FeedForward AddFeedForward() => AddLayer(
        "",
        new FeedForward(
            Options.Attention.ModelSize, Options.FeedForwardSize, Options.FeedForward, Options.Dropout, Options.HasBias,
            seed: Initial.Seed(Options.Seed, 2), backend: Backend));

    private protected TransformerNorm AddNorm(string name) => AddLayer(name, new TransformerNorm(Options, Backend));

    /// <summary><c>norm(x + drop(part(x)))</c> or <c>x + drop(part(norm(x)))</c>.</summary>
    private protected Variable Residual<TState>(Variable input, TransformerNorm norm, Func<Variable, TState, Variable> part, in TState state)
    {
        if (Options.NormOrder == NormOrder.Pre)
        {
            using Variable normed = norm.Forward(input);
            using Variable change = part(normed, state);
            using Variable dropped = Differentiable.Drop(change, Options.Dropout);
            return Differentiable.Add(input, dropped);
        }
        else
        {
            using Variable change = part(input, state);
            using Variable dropped = Differentiable.Drop(change, Options.Dropout);
            using Variable sum = Differentiable.Add(input, dropped);
            return norm.Forward(sum);
        }
    }

    private static void Check(TransformerOptions options)
    {
        if (options.Attention is not { } attention)
        {
            throw new ArgumentException($"'{nameof(options)}' has no attention.", nameof(options));
        }

        if ((attention.KeySize ?? attention.ModelSize) != attention.ModelSize || (attention.ValueSize ?? attention.ModelSize) != attention.ModelSize)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has keys of {attention.KeySize} and values of {attention.ValueSize}; a sequence that attends to itself has those of its model size, {attention.ModelSize}.",
                nameof(options));
        }

        if (options.FeedForwardSize <= 0)
        {
            throw new ArgumentException($"'{nameof(options)}' has a feed-forward size of {options.FeedForwardSize}; expected a positive number.", nameof(options));
        }

        Initial.CheckDefined(options.FeedForward, nameof(options));
        Initial.CheckDefined(options.NormOrder, nameof(options));
        Initial.CheckProbability(options.Dropout, nameof(options));
    }
}
