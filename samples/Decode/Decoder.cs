using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Layers;
using Attention.Operators;
using Attention.Policies;
using Attention.Positions;
using Embedding = Attention.Layers.Embedding;

namespace Decode;

/// <summary>
/// A small decoder of today's make: grouped key heads, rotary positions, RMS norms before each part, SwiGLU, no biases. Its
/// weights are random numbers of a fixed seed; <see cref="Layer.Load"/> would put trained ones there.
/// </summary>
internal sealed class Decoder : Layer
{
    internal const int Vocabulary = 512;
    private const int LayerCount = 4;
    private const int ModelSize = 256;
    private const int Heads = 8;
    private const int KeyValueHeads = 2;

    private readonly Embedding _embedding;
    private readonly TransformerEncoder _stack;
    private readonly Linear _output;

    internal Decoder()
        : base(CpuBackend.Shared)
    {
        TransformerOptions options = new()
        {
            Attention = new MultiHeadAttentionOptions
            {
                ModelSize = ModelSize,
                Heads = Heads,
                KeyValueHeads = KeyValueHeads,
                HasBias = false,
                HasOutputBias = false,
                Rotary = new Rotation(new RotaryTable(ModelSize / Heads), RotaryLayout.Half),
            },
            FeedForwardSize = 704,
            FeedForward = FeedForwardKind.SwiGlu,
            Norm = NormalizationKind.RootMeanSquare,
            NormOrder = NormOrder.Pre,
            HasBias = false,
            Seed = 1,
        };
        _embedding = AddLayer("embedding", new Embedding(Vocabulary, ModelSize, deviation: 1, seed: 2));
        _stack = AddLayer("stack", new TransformerEncoder(LayerCount, options));
        _output = AddLayer("output", new Linear(ModelSize, Vocabulary, hasBias: false, seed: 3));
    }

    internal static string Description =>
        $"{LayerCount} layers, model size {ModelSize}, {Heads} heads, {KeyValueHeads} key heads, {Vocabulary} tokens in the vocabulary";

    /// <summary>A cache for each layer.</summary>
    internal KvCache[] Caches(Func<KvCacheOptions, KvCache> create, KvStorage storage) =>
        [.. _stack.Layers.Select(layer => create(layer.SelfAttention.CacheOptions(storage)))];

    /// <summary>Continues sequences and gives the logits of the token after each, <c>[sequences, Vocabulary]</c>.</summary>
    /// <param name="tokens">The new tokens, as many for each sequence, one sequence after the other.</param>
    /// <param name="caches">A cache for each layer.</param>
    /// <param name="sequences">The sequences.</param>
    internal float[] Continue(ReadOnlySpan<int> tokens, KvCache[] caches, params ReadOnlySpan<int> sequences)
    {
        using Variable embedded = _embedding.Forward(tokens, [sequences.Length, tokens.Length / sequences.Length]);
        using Variable computed = _stack.Forward(embedded, caches, sequences);
        return LastLogits(computed);
    }

    /// <summary>The same for one whole sequence, without a cache.</summary>
    internal float[] Whole(ReadOnlySpan<int> tokens)
    {
        using Variable embedded = _embedding.Forward(tokens, [1, tokens.Length]);
        using Variable computed = _stack.Forward(embedded, CausalMask.TopLeft);
        return LastLogits(computed);
    }

    private float[] LastLogits(Variable computed)
    {
        using Variable last = computed.Slice(1, computed.Data.Lengths[1] - 1, 1);
        using Variable logits = _output.Forward(last);
        return logits.Data.ToArray();
    }
}
