using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;

namespace Attention.Tests.Layers;

/// <summary>A small decoder-only Transformer over symbols: tokens, learned positions, two causal layers, logits.</summary>
internal sealed class SequenceModel : Layer
{
    private readonly Embedding _tokens;
    private readonly LearnedPositions _positions;
    private readonly TransformerEncoder _decoder;
    private readonly Linear _logits;

    internal SequenceModel(int symbols, int longest, int modelSize)
        : base(CpuBackend.Shared)
    {
        // Two layers must tell positions apart from the first step on: PyTorch's deviation of 1, not BERT's of 0.02.
        _tokens = AddLayer("tokens", new Embedding(symbols, modelSize, deviation: 1, seed: 1));
        _positions = AddLayer("positions", new LearnedPositions(longest, modelSize, deviation: 1, seed: 2));
        _decoder = AddLayer("decoder", new TransformerEncoder(2, new TransformerOptions
        {
            Attention = new MultiHeadAttentionOptions { ModelSize = modelSize, Heads = 4 },
            FeedForwardSize = 2 * modelSize,
            FeedForward = FeedForwardKind.Gelu,
            NormOrder = NormOrder.Pre,
            Seed = 3,
        }));
        _logits = AddLayer("logits", new Linear(modelSize, symbols, seed: 4));
    }

    /// <summary>The logits of what follows each symbol, [batch, length, symbols].</summary>
    internal Variable Forward(ReadOnlySpan<int> symbols, int length, Tape? tape = null)
    {
        using Variable tokens = _tokens.Forward(symbols, [symbols.Length / length, length], tape);
        using Variable placed = _positions.Forward(tokens);
        using Variable decoded = _decoder.Forward(placed, CausalMask.TopLeft);
        return _logits.Forward(decoded);
    }
}
