using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="RelativeAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct RelativeBackward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of attention by clipped distances";

    /// <summary>The inputs of the forward pass.</summary>
    public required RelativeTensors Inputs { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>The gradient of the output.</summary>
    public required DeviceTensor OutputGradient { get; init; }

    /// <summary>Overwritten with the gradients of the inputs, each of its input's shape; those of the tables may be left out.</summary>
    public required RelativeTensors Gradients { get; init; }

    /// <summary>The options of the forward pass.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        RelativeAttention.Backward(
            host.Span(Inputs.Query, "query"), host.Span(Inputs.Key, "key"), host.Span(Inputs.Value, "value"), Inputs.Tables(host), Mask,
            host.Span(OutputGradient, "outputGradient"), default,
            host.Span(Gradients.Query, "queryGradient"), host.Span(Gradients.Key, "keyGradient"), host.Span(Gradients.Value, "valueGradient"),
            new RelativeTableGradients
            {
                Key = host.Span(Gradients.KeyTable, "keyTableGradient"),
                Value = host.Span(Gradients.ValueTable, "valueTableGradient"),
            },
            Options.On(host));
    }
}
