using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class ScaledDotProductAttention
{
    /// <summary>
    /// Computes attention within each of several sequences of different lengths that lie one after the other, without padding:
    /// sequence s owns the rows from <c>cumulative[s]</c> up to <c>cumulative[s + 1]</c>.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[totalQueries, heads, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[totalKeys, keyValueHeads, headSize]</c>.</param>
    /// <param name="value">The values, <c>[totalKeys, keyValueHeads, valueSize]</c>.</param>
    /// <param name="cumulativeQueryLengths">0, then the end of each sequence's queries; the last is totalQueries.</param>
    /// <param name="cumulativeKeyLengths">0, then the end of each sequence's keys; the last is totalKeys.</param>
    /// <param name="mask">Which keys a query may attend to; its batch is the sequence, queries and keys count from its start.</param>
    /// <param name="modifier">Changes each score after scaling; <see cref="NoModifier"/> for none.</param>
    /// <param name="terms">Sink logits; a bias is refused.</param>
    /// <param name="output">Overwritten, <c>[totalQueries, heads, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[heads, totalQueries]</c>, natural logarithm; <c>default</c> if not wanted.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, length or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void ForwardPacked<TMask, TModifier>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        ReadOnlySpan<int> cumulativeQueryLengths, ReadOnlySpan<int> cumulativeKeyLengths,
        in TMask mask, in TModifier modifier, in ScoreTerms terms,
        in TensorSpan<float> output, in TensorSpan<float> logSumExp, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        AttentionProblem problem = PackedCheck.Inputs(query, key, value, cumulativeQueryLengths, cumulativeKeyLengths, terms, options);
        problem.Output = PackedCheck.Output(query, value, output, nameof(output));
        problem.LogSumExp = PackedCheck.LogSumExp(query, logSumExp, nameof(logSumExp));
        AttentionCheck.Policies(problem, mask, modifier);
        Disjoint(output, nameof(output), query, key, value, terms);
        Disjoint(logSumExp, nameof(logSumExp), query, key, value, terms);
        Guard.Disjoint(logSumExp, nameof(logSumExp), output, nameof(output));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp, sinkAddress = terms.SinkLogits)
        fixed (int* queryLengths = cumulativeQueryLengths, keyLengths = cumulativeKeyLengths)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Value.Address = valueAddress;
            problem.Output.Address = outputAddress;
            problem.LogSumExp.Address = logSumExpAddress;
            problem.SinkLogits = sinkAddress;
            problem.CumulativeQueryLengths = queryLengths;
            problem.CumulativeKeyLengths = keyLengths;
            ForwardPass.Run(problem, mask, modifier, options);
        }
    }

    /// <summary>Computes the gradients of every input of <see cref="ForwardPacked"/>.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[totalQueries, heads, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[totalKeys, keyValueHeads, headSize]</c>.</param>
    /// <param name="value">The values, <c>[totalKeys, keyValueHeads, valueSize]</c>.</param>
    /// <param name="cumulativeQueryLengths">0, then the end of each sequence's queries; the last is totalQueries.</param>
    /// <param name="cumulativeKeyLengths">0, then the end of each sequence's keys; the last is totalKeys.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="modifier">The modifier of the forward pass.</param>
    /// <param name="terms">The terms of the forward pass.</param>
    /// <param name="output">What the forward pass gave, <c>[totalQueries, heads, valueSize]</c>.</param>
    /// <param name="logSumExp">What the forward pass gave, <c>[heads, totalQueries]</c>.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="logSumExpGradient">The gradient of the loss by the log-sum-exp, of its shape; <c>default</c> for none.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape.</param>
    /// <param name="sinkGradient">Overwritten, <c>[heads]</c>; empty if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride, length or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    public static void BackwardPacked<TMask, TModifier>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        ReadOnlySpan<int> cumulativeQueryLengths, ReadOnlySpan<int> cumulativeKeyLengths,
        in TMask mask, in TModifier modifier, in ScoreTerms terms,
        in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient,
        in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient, in TensorSpan<float> valueGradient,
        Span<float> sinkGradient, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        BackwardProblem backward = default;
        AttentionProblem problem = PackedCheck.Inputs(query, key, value, cumulativeQueryLengths, cumulativeKeyLengths, terms, options);
        problem.Output = PackedCheck.Output(query, value, output, nameof(output));
        problem.LogSumExp = PackedCheck.LogSumExp(query, logSumExp, nameof(logSumExp));
        AttentionCheck.RequireLogSumExp(logSumExp, nameof(logSumExp));
        AttentionCheck.Policies(problem, mask, modifier);
        backward.OutputGradient = PackedCheck.Output(query, value, outputGradient, nameof(outputGradient));
        backward.LogSumExpGradient = PackedCheck.LogSumExp(query, logSumExpGradient, nameof(logSumExpGradient));
        backward.QueryGradient = PackedCheck.Like(query, queryGradient, nameof(queryGradient), "the shape of 'query'");
        backward.KeyGradient = PackedCheck.Like(key, keyGradient, nameof(keyGradient), "the shape of 'key'");
        backward.ValueGradient = PackedCheck.Like(value, valueGradient, nameof(valueGradient), "the shape of 'value'");
        AttentionCheck.SinkGradient(terms.SinkLogits.Length, sinkGradient.Length, nameof(sinkGradient));
        BackwardOverlap.CheckAll(
            queryGradient, keyGradient, valueGradient, default, query, key, value, default, output, logSumExp, outputGradient, logSumExpGradient);
        BackwardOverlap.CheckSinks(
            terms.SinkLogits, sinkGradient, nameof(sinkGradient), queryGradient, keyGradient, valueGradient, default,
            query, key, value, default, output, logSumExp, outputGradient, logSumExpGradient);

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp, sinkAddress = terms.SinkLogits)
        fixed (float* outputGradientAddress = outputGradient, logSumExpGradientAddress = logSumExpGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        fixed (float* sinkGradientAddress = sinkGradient)
        fixed (int* queryLengths = cumulativeQueryLengths, keyLengths = cumulativeKeyLengths)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Value.Address = valueAddress;
            problem.Output.Address = outputAddress;
            problem.LogSumExp.Address = logSumExpAddress;
            problem.SinkLogits = sinkAddress;
            problem.CumulativeQueryLengths = queryLengths;
            problem.CumulativeKeyLengths = keyLengths;
            backward.Forward = problem;
            backward.OutputGradient.Address = outputGradientAddress;
            backward.LogSumExpGradient.Address = logSumExpGradientAddress;
            backward.QueryGradient.Address = queryGradientAddress;
            backward.KeyGradient.Address = keyGradientAddress;
            backward.ValueGradient.Address = valueGradientAddress;
            backward.SinkGradient = sinkGradientAddress;
            BackwardPass.Run(backward, mask, modifier, options);
        }
    }
}
