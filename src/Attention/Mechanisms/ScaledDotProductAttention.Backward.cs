using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class ScaledDotProductAttention
{
    /// <summary>Computes the gradients of query, key and value; every query attends to every key.</summary>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="output">What the forward pass gave, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="logSumExp">What the forward pass gave, <c>[batch, heads, queryLength]</c>.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape; sums over the query heads of its group.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape; sums over the query heads of its group.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp, in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient, in TensorSpan<float> valueGradient,
        in AttentionOptions options = default) =>
        Backward(
            query, key, value, default(NoMask), default(NoModifier), default, output, logSumExp, outputGradient, default,
            queryGradient, keyGradient, valueGradient, default, options);

    /// <summary>Computes the gradients of query, key and value over the keys that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="output">What the forward pass gave, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="logSumExp">What the forward pass gave, <c>[batch, heads, queryLength]</c>.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape; sums over the query heads of its group.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape; sums over the query heads of its group.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in TMask mask,
        in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp, in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient, in TensorSpan<float> valueGradient,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask =>
        Backward(
            query, key, value, mask, default(NoModifier), default, output, logSumExp, outputGradient, default,
            queryGradient, keyGradient, valueGradient, default, options);

    /// <summary>
    /// Computes the gradient of every input of the forward pass from the gradients of its output and, if there is one, of its
    /// log-sum-exp.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="modifier">The modifier of the forward pass.</param>
    /// <param name="terms">The terms of the forward pass.</param>
    /// <param name="output">What the forward pass gave, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="logSumExp">What the forward pass gave, <c>[batch, heads, queryLength]</c>.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="logSumExpGradient">The gradient of the loss by the log-sum-exp, of its shape; <c>default</c> for none.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape; sums over the query heads of its group.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape; sums over the query heads of its group.</param>
    /// <param name="termGradients">Where the gradients of <paramref name="terms"/> go; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// With P = exp(score - logSumExp) recomputed tile by tile: dV = P^T dO, dP = dO V^T,
    /// dS = P (dP - sum(dO o) + dLogSumExp) (Dao et al. 2022, appendix B.2, with the last term for the log-sum-exp), times the
    /// modifier's derivative; dQ = scale dS K, dK = scale dS^T Q, dBias = dS summed over broadcast axes.
    /// </remarks>
    public static void Backward<TMask, TModifier>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in TMask mask, in TModifier modifier, in ScoreTerms terms,
        in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient,
        in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient, in TensorSpan<float> valueGradient,
        in ScoreTermGradients termGradients, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        BackwardProblem backward = default;
        AttentionProblem problem = AttentionCheck.Inputs(query, key, value, options);
        AttentionCheck.Policies(problem, mask, modifier);
        problem.Output = AttentionCheck.Output(problem, output, nameof(output));
        problem.LogSumExp = AttentionCheck.LogSumExp(problem, logSumExp, nameof(logSumExp));
        AttentionCheck.RequireLogSumExp(logSumExp, nameof(logSumExp));
        problem.Bias = AttentionCheck.Bias(ref problem, terms.Bias, nameof(terms));
        AttentionCheck.PerHead(problem, terms.SinkLogits.Length, nameof(terms));
        backward.OutputGradient = AttentionCheck.Output(problem, outputGradient, nameof(outputGradient));
        backward.LogSumExpGradient = AttentionCheck.LogSumExp(problem, logSumExpGradient, nameof(logSumExpGradient));
        backward.QueryGradient = AttentionCheck.Like(query, queryGradient, nameof(queryGradient), "the shape of 'query'");
        backward.KeyGradient = AttentionCheck.Like(key, keyGradient, nameof(keyGradient), "the shape of 'key'");
        backward.ValueGradient = AttentionCheck.Like(value, valueGradient, nameof(valueGradient), "the shape of 'value'");
        AttentionCheck.TermGradients(problem, ref backward, terms, termGradients);

        BackwardOverlap.CheckAll(
            queryGradient, keyGradient, valueGradient, termGradients.Bias,
            query, key, value, terms.Bias, output, logSumExp, outputGradient, logSumExpGradient);

        if (termGradients.Bias.Rank != 0)
        {
            // Clearing an absent tensor span throws.
            termGradients.Bias.Clear();
        }

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, biasAddress = terms.Bias)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp, sinkAddress = terms.SinkLogits)
        fixed (float* outputGradientAddress = outputGradient, logSumExpGradientAddress = logSumExpGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        fixed (float* biasGradientAddress = termGradients.Bias, sinkGradientAddress = termGradients.SinkLogits)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Value.Address = valueAddress;
            problem.Bias.Address = biasAddress;
            problem.Output.Address = outputAddress;
            problem.LogSumExp.Address = logSumExpAddress;
            problem.SinkLogits = sinkAddress;
            backward.Forward = problem;
            backward.OutputGradient.Address = outputGradientAddress;
            backward.LogSumExpGradient.Address = logSumExpGradientAddress;
            backward.QueryGradient.Address = queryGradientAddress;
            backward.KeyGradient.Address = keyGradientAddress;
            backward.ValueGradient.Address = valueGradientAddress;
            backward.BiasGradient.Address = biasGradientAddress;
            backward.SinkGradient = sinkGradientAddress;
            BackwardPass.Run(backward, mask, modifier, options);
        }
    }
}
