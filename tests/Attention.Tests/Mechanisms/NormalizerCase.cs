using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A normaliser with its reference, for tests that run over several of them.</summary>
internal abstract class NormalizerCase(string name, NormalizerReference reference)
{
    public static IReadOnlyList<NormalizerCase> All { get; } =
    [
        new Case<SoftmaxNormalizer>("softmax", default, new(NormalizerKind.Softmax)),
        new Case<SparsemaxNormalizer>("sparsemax", default, new(NormalizerKind.Sparsemax)),
        new Case<EntmaxNormalizer>("entmax 1", new(1), new(NormalizerKind.Entmax, 1)),
        new Case<EntmaxNormalizer>("entmax 1.25", new(1.25f), new(NormalizerKind.Entmax, 1.25)),
        new Case<EntmaxNormalizer>("entmax 1.5", new(1.5f), new(NormalizerKind.Entmax, 1.5)),
        new Case<EntmaxNormalizer>("entmax 1.75", new(1.75f), new(NormalizerKind.Entmax, 1.75)),
        new Case<EntmaxNormalizer>("entmax 2", new(2), new(NormalizerKind.Entmax, 2)),
        new Case<SigmoidNormalizer>("sigmoid", default, new(NormalizerKind.Sigmoid)),
        new Case<HardmaxNormalizer>("hardmax", default, new(NormalizerKind.Hardmax)),
        new Case<TopKNormalizer>("top 1", new(1), new(NormalizerKind.TopK, 1)),
        new Case<TopKNormalizer>("top 5", new(5), new(NormalizerKind.TopK, 5)),
    ];

    public string Name { get; } = name;

    public NormalizerReference Reference { get; } = reference;

    public abstract void Rows(ReadOnlyTensorSpan<float> scores, ReadOnlySpan<int> lengths, TensorSpan<float> weights, AttentionOptions options);

    public abstract void RowsBackward(
        ReadOnlyTensorSpan<float> scores, ReadOnlyTensorSpan<float> weights, ReadOnlyTensorSpan<float> weightGradient, ReadOnlySpan<int> lengths,
        TensorSpan<float> scoreGradient, AttentionOptions options);

    public abstract void Pairs<TMask>(ReadOnlyTensorSpan<float> scores, TMask mask, TensorSpan<float> weights, AttentionOptions options)
        where TMask : struct, IAttentionMask;

    public abstract void Attend<TMask, TModifier>(AttentionMemory memory, TestOperand weights, TMask mask, TModifier modifier, AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier;

    private sealed class Case<TNormalizer>(string name, TNormalizer normalizer, NormalizerReference reference) : NormalizerCase(name, reference)
        where TNormalizer : struct, INormalizer
    {
        public override void Rows(
            ReadOnlyTensorSpan<float> scores, ReadOnlySpan<int> lengths, TensorSpan<float> weights, AttentionOptions options) =>
            RowNormalization.Forward(scores, lengths, normalizer, weights, options);

        public override void RowsBackward(
            ReadOnlyTensorSpan<float> scores, ReadOnlyTensorSpan<float> weights, ReadOnlyTensorSpan<float> weightGradient, ReadOnlySpan<int> lengths,
            TensorSpan<float> scoreGradient, AttentionOptions options) =>
            RowNormalization.Backward(scores, weights, weightGradient, lengths, normalizer, scoreGradient, options);

        public override void Pairs<TMask>(ReadOnlyTensorSpan<float> scores, TMask mask, TensorSpan<float> weights, AttentionOptions options) =>
            RowNormalization.Forward(scores, mask, normalizer, weights, options);

        public override void Attend<TMask, TModifier>(
            AttentionMemory memory, TestOperand weights, TMask mask, TModifier modifier, AttentionOptions options)
        {
            NormalizedAttention.Forward(
                memory.Query.Read(), memory.Key.Read(), memory.Value.Read(), mask, modifier, normalizer, memory.Output.Write(), options);
            NormalizedAttention.Weights(memory.Query.Read(), memory.Key.Read(), mask, modifier, normalizer, weights.Write(), options);
            NormalizedAttention.Backward(
                memory.Query.Read(), memory.Key.Read(), memory.Value.Read(), mask, modifier, normalizer, memory.OutputGradient.Read(),
                memory.QueryGradient.Write(), memory.KeyGradient.Write(), memory.ValueGradient.Write(), options);
        }
    }
}
