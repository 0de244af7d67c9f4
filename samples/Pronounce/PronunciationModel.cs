using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Operators;
using Embedding = Attention.Layers.Embedding;

namespace Pronounce;

/// <summary>
/// From letters to phonemes: a bidirectional GRU over the letters, a GRU that says one phoneme after the other, and between them
/// a <see cref="ContextSource"/>. All kinds have the same sizes, but for what the attention itself needs.
/// </summary>
internal sealed class PronunciationModel : Layer
{
    private const int EmbeddingSize = 64;
    private const int HiddenSize = 128;
    private const int MostPhonemes = 32;
    private const float Dropout = 0.2f;

    private readonly Embedding _letters;
    private readonly BidirectionalLayer _encoder;
    private readonly Linear _bridge;
    private readonly Embedding _phonemes;
    private readonly GruLayer _decoder;
    private readonly ContextSource _source;
    private readonly Linear _output;

    internal PronunciationModel(AttentionKind kind, ulong seed)
        : base(CpuBackend.Shared)
    {
        seed *= 100;
        _letters = AddLayer("letters", new Embedding(Symbols.LetterCount, EmbeddingSize, 0.1f, seed + 1));
        _encoder = AddLayer("encoder", BidirectionalLayer.Gru(EmbeddingSize, HiddenSize / 2, seed: seed + 2));
        _bridge = AddLayer("bridge", new Linear(HiddenSize, HiddenSize, seed: seed + 3));
        _phonemes = AddLayer("phonemes", new Embedding(Symbols.PhonemeCount, EmbeddingSize, 0.1f, seed + 4));
        _source = AddLayer<ContextSource>("attention", kind switch
        {
            AttentionKind.None => new FixedContext(HiddenSize, seed + 5),
            AttentionKind.Bahdanau => new BahdanauContext(HiddenSize, seed + 5),
            AttentionKind.Location => new LocationContext(HiddenSize, seed + 5),
            _ => new LuongContext(kind, HiddenSize, seed + 5),
        });
        _decoder = AddLayer("decoder", new GruLayer(EmbeddingSize + _source.ContextSize, HiddenSize, seed: seed + 6));
        _output = AddLayer("output", new Linear(HiddenSize + _source.ContextSize, Symbols.PhonemeCount, seed: seed + 7));
    }

    internal long Size => NamedParameters().Sum(entry => (long)entry.Value.Data.Count);

    /// <summary>The mean loss of a batch's phonemes, each after the right ones before it.</summary>
    internal Variable Loss(Batch batch, Tape tape)
    {
        using var word = new EncodedWords(this, batch, tape);
        var rows = new Variable[batch.Steps];
        for (int step = 0; step < batch.Steps; step++)
        {
            rows[step] = word.Step(batch.Inputs.AsSpan(step * batch.Count, batch.Count), step, tape);
        }

        using Variable all = Differentiable.Concatenate(0, rows);
        Array.ForEach(rows, row => row.Dispose());
        using Variable dropped = Differentiable.Drop(all, Dropout);
        using Variable logits = _output.Forward(dropped);
        return Differentiable.CrossEntropy(logits, batch.Targets);
    }

    /// <summary>The likeliest phonemes of each word, taken one by one.</summary>
    /// <param name="words">The words' letters.</param>
    /// <param name="wantsWeights">Whether to say where each looked.</param>
    internal Pronunciation[] Pronounce(IReadOnlyList<int[]> words, bool wantsWeights)
    {
        Batch batch = Batch.OfWords(words);
        using var word = new EncodedWords(this, batch, null) { KeepsWeights = wantsWeights };
        Pronunciation[] spoken = [.. words.Select(letters => new Pronunciation(letters.Length))];
        int[] tokens = new int[words.Count];
        for (int step = 0; step < MostPhonemes && !Array.TrueForAll(spoken, one => one.IsComplete); step++)
        {
            using Variable row = word.Step(tokens, step, null);
            using Variable logits = _output.Forward(row);
            float[] scores = logits.Data.ToArray();
            float[]? weights = word.Weights;
            for (int i = 0; i < words.Count; i++)
            {
                ReadOnlySpan<float> own = scores.AsSpan(i * Symbols.PhonemeCount, Symbols.PhonemeCount);
                tokens[i] = own.IndexOf(own.ToArray().Max());
                spoken[i].Add(tokens[i], weights is null ? default : weights.AsSpan(i * batch.Length, words[i].Length));
            }
        }

        return spoken;
    }

    /// <summary>A batch behind the encoder, and how far the decoder has come.</summary>
    private sealed class EncodedWords : IDisposable
    {
        private readonly PronunciationModel _model;
        private readonly RecurrenceResult _encoded;
        private readonly IDisposable _memory;
        private Variable _state;
        private Variable? _context;

        internal EncodedWords(PronunciationModel model, Batch batch, Tape? tape)
        {
            _model = model;
            using Variable embedded = model._letters.Forward(batch.Letters, [batch.Count, batch.Length], tape);
            using Variable dropped = Differentiable.Drop(embedded, Dropout);
            _encoded = model._encoder.Forward(dropped, batch.Lengths);
            _memory = model._source.Prepare(_encoded.Output, _encoded.FinalState, batch.Lengths);
            using Variable bridged = model._bridge.Forward(_encoded.FinalState);
            _state = Differentiable.Activate(ActivationKind.Tanh, bridged);
        }

        internal bool KeepsWeights { get; init; }

        /// <summary>Where the last step looked, <c>[batch, length]</c>, if they are kept and there are any.</summary>
        internal float[]? Weights { get; private set; }

        /// <summary>State and context after a step, <c>[batch, both]</c>, from which the phoneme is told.</summary>
        internal Variable Step(ReadOnlySpan<int> tokens, int step, Tape? tape)
        {
            ContextSource source = _model._source;
            using Variable embedded = _model._phonemes.Forward(tokens, [tokens.Length], tape);
            if (!source.AsksAfterStep)
            {
                Ask(step);
            }

            // The first step has no context before it where the state after a step asks.
            using Variable? nothing = _context is null
                ? Variable.Constant(DeviceTensor.Zeros(_model.Backend, tokens.Length, source.ContextSize))
                : null;
            using Variable input = Differentiable.Concatenate(1, embedded, _context ?? nothing!);
            using (Variable before = _state)
            {
                _state = _model._decoder.Step(input, before);
            }

            if (source.AsksAfterStep)
            {
                Ask(step);
            }

            return Differentiable.Concatenate(1, _state, _context!);
        }

        public void Dispose()
        {
            _encoded.Dispose();
            _memory.Dispose();
            _state.Dispose();
            _context?.Dispose();
        }

        private void Ask(int step)
        {
            _context?.Dispose();
            _context = _model._source.Context(_state, _memory, step);
            Weights = KeepsWeights ? _model._source.Weights(_state, _memory, step) : null;
        }
    }
}
