using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Attention whose keys and values depend on the clipped distance to the query (Shaw et al. 2018, "Self-Attention with Relative
/// Position Representations", equations 3 to 5): <c>score_ij = scale q_i . (k_j + keyTable[r])</c>,
/// <c>output_i = sum_j softmax(score)_ij (v_j + valueTable[r])</c>, with <c>r = clip(j - i - offset, -k, k) + k</c>.
/// </summary>
/// <remarks>
/// <para>
/// Shapes, strides, the order of steps, rows that may attend to nothing, NaN behind masks and threads are as of
/// <see cref="ScaledDotProductAttention"/>. All heads share the tables.
/// </para>
/// <para>
/// Thirty-two queries of a head are computed at a time, with whole rows of scores: a thread takes about
/// <c>32 (keyLength + min(2k + 1, keyLength + 31) + 2 headSize)</c> floats forward and twice to three times that backward, nothing of
/// size queryLength x keyLength. The backward pass adds partial sums: up to 16 sets of table gradients, and up to 16 of
/// the gradients of keys and values where batch times key heads are fewer than 16, or else those of 16 key heads.
/// </para>
/// </remarks>
public static unsafe partial class RelativeAttention
{
    /// <summary>Computes attention by clipped distances; every query attends to every key.</summary>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="tables">What each distance adds to keys and values; at least one of the tables.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="output"/> overlaps an input; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in RelativeTables tables,
        in TensorSpan<float> output, in AttentionOptions options = default) =>
        Forward(query, key, value, tables, default(NoMask), output, default, options);

    /// <summary>Computes attention by clipped distances over the keys that <paramref name="mask"/> allows and, if wanted, the logarithm of every row's normaliser.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="tables">What each distance adds to keys and values; at least one of the tables.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>, natural logarithm; <c>default</c> if not wanted.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in RelativeTables tables,
        in TMask mask, in TensorSpan<float> output, in TensorSpan<float> logSumExp = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AttentionProblem attention = RelativeCheck.Attention(query, key, value, mask, options);
        attention.Output = AttentionCheck.Output(attention, output, nameof(output));
        attention.LogSumExp = AttentionCheck.LogSumExp(attention, logSumExp, nameof(logSumExp));
        RelativeProblem problem = RelativeCheck.Clipped(attention, tables, nameof(tables));
        OverlapCheck overlap = new(query, key, value);
        overlap.Add(tables.Key, nameof(tables));
        overlap.Add(tables.Value, nameof(tables));
        overlap.Check(output, nameof(output));
        overlap.Check(logSumExp, nameof(logSumExp));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, keyTableAddress = tables.Key, valueTableAddress = tables.Value)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.Attention.Value.Address = valueAddress;
            problem.Attention.Output.Address = outputAddress;
            problem.Attention.LogSumExp.Address = logSumExpAddress;
            problem.KeyTable.Address = keyTableAddress;
            problem.ValueTable.Address = valueTableAddress;
            RelativePass.Forward(problem, mask, options);
        }
    }
}
