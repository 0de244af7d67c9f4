using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="TransformerXlAttention"/> (Dai et al. 2019).</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct TransformerXlForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of attention with the positions of Transformer-XL";

    /// <summary>What is read.</summary>
    public required TransformerXlTensors Inputs { get; init; }

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
        TransformerXlAttention.Forward(
            host.Span(Inputs.Query, "query"), host.Span(Inputs.Key, "key"), host.Span(Inputs.Value, "value"),
            host.Span(Inputs.RelativeKey, "relativeKey"), host.Span(Inputs.ContentBias, "contentBias"),
            host.Span(Inputs.PositionBias, "positionBias"), Mask, host.Span(Output, "output"), default, Options.On(host));
    }
}
