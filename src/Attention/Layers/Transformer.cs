using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// The encoder-decoder of Vaswani et al. 2017, without embeddings: the decoder attends to the encoder's final output.
/// Parameters: <c>encoder.*</c> and <c>decoder.*</c>.
/// </summary>
public sealed class Transformer : Layer
{
    /// <summary>Creates both stacks.</summary>
    /// <param name="encoderLayers">Layers of the encoder.</param>
    /// <param name="decoderLayers">Layers of the decoder.</param>
    /// <param name="options">What each layer is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive or does not divide, or a probability is none.</exception>
    public Transformer(int encoderLayers, int decoderLayers, TransformerOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(encoderLayers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(decoderLayers);
        ArgumentNullException.ThrowIfNull(options);
        Encoder = AddLayer("encoder", new TransformerEncoder(encoderLayers, options with { Seed = Initial.Seed(options.Seed, 0) }, Backend));
        Decoder = AddLayer("decoder", new TransformerDecoder(decoderLayers, options with { Seed = Initial.Seed(options.Seed, 1) }, Backend));
    }

    /// <summary>The encoder.</summary>
    public TransformerEncoder Encoder { get; }

    /// <summary>The decoder.</summary>
    public TransformerDecoder Decoder { get; }

    /// <summary>Computes the decoder's output for a source and a target.</summary>
    /// <typeparam name="TSourceMask">The type of the mask of the source.</typeparam>
    /// <typeparam name="TTargetMask">The type of the mask among targets.</typeparam>
    /// <param name="source"><c>[batch, sourceLength, modelSize]</c>.</param>
    /// <param name="target"><c>[batch, targetLength, modelSize]</c>.</param>
    /// <param name="sourceMask">Which positions of the source may be attended to, by source and target alike; usually <see cref="KeyLengthMask"/>.</param>
    /// <param name="targetMask">Which positions of the target a position may attend to; usually <see cref="CausalMask"/>.</param>
    /// <returns>Of the target's shape.</returns>
    /// <exception cref="ArgumentException">A shape is another, or a mask does not fit.</exception>
    public Variable Forward<TSourceMask, TTargetMask>(Variable source, Variable target, in TSourceMask sourceMask, in TTargetMask targetMask)
        where TSourceMask : struct, IAttentionMask
        where TTargetMask : struct, IAttentionMask
    {
        nint size = Encoder.Layers[0].Options.Attention.ModelSize;
        LayerInput.CheckSequences(source, nameof(source), "sourceLength", size);
        LayerInput.CheckSequences(target, nameof(target), "targetLength", size);
        LayerInput.CheckBatch(target, nameof(target), source, nameof(source));
        using Variable memory = Encoder.Forward(source, sourceMask);
        return Decoder.Forward(target, memory, targetMask, sourceMask);
    }
}
