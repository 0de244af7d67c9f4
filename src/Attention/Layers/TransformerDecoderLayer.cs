using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// A layer of a Transformer decoder: self-attention, attention to the encoder's output, then a feed-forward block (Vaswani et
/// al. 2017, section 3.1). Parameters as in PyTorch: <c>self_attn.*</c>, <c>multihead_attn.*</c>, <c>linear1.*</c>,
/// <c>linear2.*</c>, <c>norm1.*</c>, <c>norm2.*</c>, <c>norm3.*</c>.
/// </summary>
public sealed class TransformerDecoderLayer : TransformerBlock
{
    private readonly FeedForward _feedForward;
    private readonly TransformerNorm _firstNorm;
    private readonly TransformerNorm _secondNorm;
    private readonly TransformerNorm _thirdNorm;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive or does not divide, or a probability is none.</exception>
    public TransformerDecoderLayer(TransformerOptions options, IComputeBackend? backend = null)
        : base(options, backend)
    {
        CrossAttention = AddLayer(
            "multihead_attn",
            new MultiHeadAttention(
                options.Attention with { Seed = Initial.Seed(options.Seed, 1), Rotary = null, RelativePositions = RelativePositions.None }, Backend));
        _feedForward = AddFeedForward();
        _firstNorm = AddNorm("norm1");
        _secondNorm = AddNorm("norm2");
        _thirdNorm = AddNorm("norm3");
    }

    /// <summary>The attention to the encoder's output; without rotary or relative positions, for which a distance to the memory means nothing.</summary>
    public MultiHeadAttention CrossAttention { get; }

    /// <summary>Computes the layer.</summary>
    /// <typeparam name="TMask">The type of the mask among targets.</typeparam>
    /// <typeparam name="TMemoryMask">The type of the mask of the memory.</typeparam>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <param name="memory">The encoder's output, <c>[batch, memoryLength, modelSize]</c>.</param>
    /// <param name="mask">Which positions a position may attend to; usually <see cref="CausalMask"/>.</param>
    /// <param name="memoryMask">Which positions of the memory a position may attend to.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">A shape is another, or a mask does not fit.</exception>
    public Variable Forward<TMask, TMemoryMask>(Variable input, Variable memory, in TMask mask, in TMemoryMask memoryMask)
        where TMask : struct, IAttentionMask
        where TMemoryMask : struct, IAttentionMask
    {
        LayerInput.CheckSequences(input, nameof(input), "length", Options.Attention.ModelSize);
        LayerInput.CheckSequences(memory, nameof(memory), "memoryLength", Options.Attention.ModelSize);
        LayerInput.CheckBatch(memory, nameof(memory), input, nameof(input));
        using Variable attended = Residual(
            input, _firstNorm, static (x, state) => state.SelfAttention.Forward(x, x, x, state.mask), (SelfAttention, mask));
        using Variable crossed = Residual(
            attended, _secondNorm,
            static (x, state) => state.CrossAttention.Forward(x, state.memory, state.memory, state.memoryMask),
            (CrossAttention, memory, memoryMask));
        return Residual(crossed, _thirdNorm, static (x, feedForward) => feedForward.Forward(x), _feedForward);
    }
}
