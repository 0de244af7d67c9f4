using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Attention with the relative positions of Transformer-XL (Dai et al. 2019, "Transformer-XL: Attentive Language Models beyond a
/// Fixed-Length Context", section 3.3), which Conformer uses too:
/// <c>score_ij = scale ((q_i + contentBias_h) . k_j + (q_i + positionBias_h) . relativeKey[t])</c> with
/// <c>t = queryLength - 1 - i + j</c>, <c>output = softmax(score) value</c>.
/// </summary>
/// <remarks>
/// <para>
/// <c>relativeKey [heads or 1, queryLength + keyLength - 1, headSize]</c> holds one row for each distance, the largest first as in
/// the paper's code: where query 0 stands beside key <c>offset</c> (the length of the memory), row t is that of the distance
/// <c>query position - key position = queryLength - 1 + offset - t</c>, from <c>queryLength - 1 + offset</c> down to
/// <c>offset - keyLength + 1</c>. It is usually a projection of sinusoids of these distances. Nothing is shifted or copied: each
/// query reads the rows from its own first one on. <c>contentBias</c> (u) and <c>positionBias</c> (v) are <c>[heads, headSize]</c>.
/// </para>
/// <para>
/// Other shapes, strides, the order of steps, rows that may attend to nothing, NaN behind masks and threads are as of
/// <see cref="ScaledDotProductAttention"/>; language models use <see cref="CausalMask"/> with <c>offset</c>.
/// </para>
/// <para>
/// Thirty-two queries of a head are computed at a time, with whole rows of scores: a thread takes about
/// <c>64 (keyLength + headSize + 16)</c> floats forward and twice to three times that backward, nothing of size queryLength x keyLength. The
/// backward pass adds partial sums: up to 16 sets of gradients of the relative keys, and up to 16 of the gradients of keys and
/// values where batch times key heads are fewer than 16, or else those of 16 key heads.
/// </para>
/// </remarks>
public static unsafe partial class TransformerXlAttention
{
    /// <summary>Computes attention with relative keys over the keys that <paramref name="mask"/> allows and, if wanted, the logarithm of every row's normaliser.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="relativeKey">A row for each distance, the largest first, <c>[heads or 1, queryLength + keyLength - 1, headSize]</c>.</param>
    /// <param name="contentBias">Added to queries that meet keys, <c>[heads, headSize]</c>.</param>
    /// <param name="positionBias">Added to queries that meet relative keys, <c>[heads, headSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to; <see cref="NoMask"/> for all.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>, natural logarithm; <c>default</c> if not wanted.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> relativeKey, in ReadOnlyTensorSpan<float> contentBias, in ReadOnlyTensorSpan<float> positionBias,
        in TMask mask, in TensorSpan<float> output, in TensorSpan<float> logSumExp = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AttentionProblem attention = RelativeCheck.Attention(query, key, value, mask, options);
        attention.Output = AttentionCheck.Output(attention, output, nameof(output));
        attention.LogSumExp = AttentionCheck.LogSumExp(attention, logSumExp, nameof(logSumExp));
        RelativeProblem problem = RelativeCheck.Unclipped(attention, relativeKey, contentBias, positionBias);
        OverlapCheck overlap = new(query, key, value);
        overlap.Add(relativeKey, nameof(relativeKey));
        overlap.Add(contentBias, nameof(contentBias));
        overlap.Add(positionBias, nameof(positionBias));
        overlap.Check(output, nameof(output));
        overlap.Check(logSumExp, nameof(logSumExp));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value)
        fixed (float* relativeKeyAddress = relativeKey, contentBiasAddress = contentBias, positionBiasAddress = positionBias)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.Attention.Value.Address = valueAddress;
            problem.Attention.Output.Address = outputAddress;
            problem.Attention.LogSumExp.Address = logSumExpAddress;
            problem.KeyTable.Address = relativeKeyAddress;
            problem.ContentBias.Address = contentBiasAddress;
            problem.PositionBias.Address = positionBiasAddress;
            RelativePass.Forward(problem, mask, options);
        }
    }
}
