using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Scaled dot-product attention: <c>output = softmax(scale query key^T) value</c> (Vaswani et al. 2017, "Attention is all you
/// need", equation 1), computed tile by tile as FlashAttention does (Dao et al. 2022), so that nothing of size
/// queryLength x keyLength is stored.
/// </summary>
/// <remarks>
/// <para>Shapes, row-major, any strides but a contiguous last axis, so that heads may be views into a packed projection:</para>
/// <list type="table">
/// <item><term>query</term><description><c>[batch, heads, queryLength, headSize]</c></description></item>
/// <item><term>key</term><description><c>[batch, keyValueHeads, keyLength, headSize]</c></description></item>
/// <item><term>value</term><description><c>[batch, keyValueHeads, keyLength, valueSize]</c></description></item>
/// <item><term>output</term><description><c>[batch, heads, queryLength, valueSize]</c></description></item>
/// <item><term>logSumExp</term><description><c>[batch, heads, queryLength]</c></description></item>
/// </list>
/// <para><c>keyValueHeads</c> divides <c>heads</c>; query head h reads key head <c>h / (heads / keyValueHeads)</c>.</para>
/// <para>
/// The order everywhere: score = scale q.k, then the modifier, + bias, mask, sink, softmax, dropout, values. A row that may
/// attend to nothing gives output 0, weights 0, log-sum-exp -inf (the sink's logit where there is one) and gradients 0. NaN or
/// infinity in what a mask hides never reaches a result; NaN in an allowed score makes its row NaN.
/// </para>
/// <para>The same inputs give the same bits for any number of threads and any batch around a row. All methods are thread-safe.</para>
/// </remarks>
public static unsafe partial class ScaledDotProductAttention
{
    /// <summary>Computes <c>output = softmax(scale query key^T) value</c>; every query attends to every key.</summary>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="output"/> overlaps an input; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in TensorSpan<float> output, in AttentionOptions options = default) =>
        Forward(query, key, value, default(NoMask), default(NoModifier), default, output, default, options);

    /// <summary>Computes <c>output = softmax(scale query key^T) value</c> over the keys that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="output"/> overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in TMask mask, in TensorSpan<float> output, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask =>
        Forward(query, key, value, mask, default(NoModifier), default, output, default, options);

    /// <summary>
    /// Computes <c>output = softmax(modifier(scale query key^T) + bias, over allowed keys and the sink) value</c> and, if wanted,
    /// the logarithm of every row's normaliser.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling; <see cref="NoModifier"/> for none.</param>
    /// <param name="terms">Bias and sink logits; <c>default</c> for none.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>, natural logarithm; <c>default</c> if not wanted.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward<TMask, TModifier>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in TMask mask, in TModifier modifier, in ScoreTerms terms,
        in TensorSpan<float> output, in TensorSpan<float> logSumExp, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        AttentionProblem problem = AttentionCheck.Inputs(query, key, value, options);
        AttentionCheck.Policies(problem, mask, modifier);
        problem.Output = AttentionCheck.Output(problem, output, nameof(output));
        problem.LogSumExp = AttentionCheck.LogSumExp(problem, logSumExp, nameof(logSumExp));
        problem.Bias = AttentionCheck.Bias(ref problem, terms.Bias, nameof(terms));
        AttentionCheck.PerHead(problem, terms.SinkLogits.Length, nameof(terms));
        Disjoint(output, nameof(output), query, key, value, terms);
        Disjoint(logSumExp, nameof(logSumExp), query, key, value, terms);
        Guard.Disjoint(logSumExp, nameof(logSumExp), output, nameof(output));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, biasAddress = terms.Bias)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp, sinkAddress = terms.SinkLogits)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Value.Address = valueAddress;
            problem.Bias.Address = biasAddress;
            problem.Output.Address = outputAddress;
            problem.LogSumExp.Address = logSumExpAddress;
            problem.SinkLogits = sinkAddress;
            ForwardPass.Run(problem, mask, modifier, options);
        }
    }

    private static void Disjoint(
        in ReadOnlyTensorSpan<float> written, string name,
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in ScoreTerms terms)
    {
        Guard.Disjoint(written, name, query, nameof(query));
        Guard.Disjoint(written, name, key, nameof(key));
        Guard.Disjoint(written, name, value, nameof(value));
        Guard.Disjoint(written, name, terms.Bias, nameof(terms));
    }
}
