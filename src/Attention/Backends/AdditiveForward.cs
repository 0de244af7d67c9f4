using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="AdditiveAttention"/> (Bahdanau et al. 2015).</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct AdditiveForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of additive attention";

    /// <summary>What is read, all of it there.</summary>
    public required AdditiveTensors Inputs { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor Output { get; init; }

    /// <summary>Dropout, threads.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveAttention.Forward(
            host.Span(Inputs.Query, "query"), host.Span(Inputs.Key, "key"), host.Span(Inputs.ScoreVector, "scoreVector"),
            host.Span(Inputs.Value, "value"), Mask, host.Span(Output, "output"), default, Options.On(host));
    }
}
