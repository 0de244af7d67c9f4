using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="RelativeAttention"/> (Shaw et al. 2018).</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct RelativeForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of attention by clipped distances";

    /// <summary>What is read.</summary>
    public required RelativeTensors Inputs { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor Output { get; init; }

    /// <summary>Scale, dropout, threads.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        RelativeAttention.Forward(
            host.Span(Inputs.Query, "query"), host.Span(Inputs.Key, "key"), host.Span(Inputs.Value, "value"), Inputs.Tables(host), Mask,
            host.Span(Output, "output"), default, Options.On(host));
    }
}
