using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Scaled dot-product attention with any <see cref="INormalizer"/> in the place of softmax:
/// <c>output = normalise(modifier(scale query key^T), over allowed keys) value</c>.
/// </summary>
/// <remarks>
/// <para>
/// Shapes, strides, the order of steps, rows that may attend to nothing, NaN behind masks and threads are as of
/// <see cref="ScaledDotProductAttention"/>.
/// </para>
/// <para>
/// Thirty-two queries of a head are computed at a time, with whole rows of scores: a thread takes about <c>68 keyLength</c> floats
/// forward and <c>100 keyLength</c> backward, nothing of size queryLength x keyLength. The backward pass adds partial sums of the
/// gradients of keys and values: up to 16 sets where batch times key heads are fewer than 16, or else those of 16 key heads.
/// Softmax goes to <see cref="ScaledDotProductAttention"/> in the forward pass, which keeps no rows.
/// </para>
/// </remarks>
public static unsafe class NormalizedAttention
{
    /// <summary>Computes attention with a normaliser over the keys that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TNormalizer">The normaliser's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to; <see cref="NoMask"/> for all.</param>
    /// <param name="modifier">Changes each score after scaling; <see cref="NoModifier"/> for none.</param>
    /// <param name="normalizer">What turns the scores of a row into weights.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="output"/> overlaps an input; nothing was written.</exception>
    public static void Forward<TMask, TModifier, TNormalizer>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in TMask mask, in TModifier modifier, in TNormalizer normalizer, in TensorSpan<float> output, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer
    {
        if (typeof(TNormalizer) == typeof(SoftmaxNormalizer))
        {
            ScaledDotProductAttention.Forward(query, key, value, mask, modifier, default, output, default, options);
            return;
        }

        AttentionProblem problem = AttentionCheck.Inputs(query, key, value, options);
        AttentionCheck.Policies(problem, mask, modifier);
        TNormalizer.CheckCall(in normalizer);
        problem.Output = AttentionCheck.Output(problem, output, nameof(output));
        Guard.Disjoint(output, nameof(output), query, nameof(query));
        Guard.Disjoint(output, nameof(output), key, nameof(key));
        Guard.Disjoint(output, nameof(output), value, nameof(value));
        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, outputAddress = output)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Value.Address = valueAddress;
            problem.Output.Address = outputAddress;
            NormalizedPass.Forward(problem, default, mask, modifier, normalizer, options);
        }
    }

    /// <summary>Computes the attention weights of every head and query, without dropout.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TNormalizer">The normaliser's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="normalizer">What turns the scores of a row into weights.</param>
    /// <param name="destination">Overwritten, <c>[batch, heads, queryLength, keyLength]</c>; must not overlap an input.</param>
    /// <param name="options">Scale, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="destination"/> overlaps an input; nothing was written.</exception>
    public static void Weights<TMask, TModifier, TNormalizer>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in TMask mask, in TModifier modifier,
        in TNormalizer normalizer, in TensorSpan<float> destination, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer
    {
        AttentionProblem problem = AttentionCheck.QueryAndKey(query, key, options);
        AttentionCheck.Policies(problem, mask, modifier);
        TNormalizer.CheckCall(in normalizer);
        Guard.Shape(
            destination, [problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength], nameof(destination),
            "[batch, heads, queryLength, keyLength]");
        Guard.Disjoint(destination, nameof(destination), query, nameof(query));
        Guard.Disjoint(destination, nameof(destination), key, nameof(key));
        Operand weights = AttentionCheck.Describe(destination);
        fixed (float* queryAddress = query, keyAddress = key, destinationAddress = destination)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            weights.Address = destinationAddress;
            NormalizedPass.Forward(problem, weights, mask, modifier, normalizer, options);
        }
    }

    /// <summary>Computes the gradients of query, key and value from that of the output.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TNormalizer">The normaliser's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="modifier">The modifier of the forward pass.</param>
    /// <param name="normalizer">The normaliser of the forward pass.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape; <c>default</c> if not wanted.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape; sums over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape; sums over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// Scores S and weights P are computed again. With dP = dO V^T and dS what the normaliser makes of it, taken through the
    /// modifier: dV = P^T dO, dQ = scale dS K, dK = scale dS^T Q.
    /// </remarks>
    public static void Backward<TMask, TModifier, TNormalizer>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in TMask mask, in TModifier modifier, in TNormalizer normalizer, in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient, in TensorSpan<float> valueGradient,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer
    {
        NormalizedProblem problem = new() { Attention = AttentionCheck.Inputs(query, key, value, options) };
        AttentionCheck.Policies(problem.Attention, mask, modifier);
        TNormalizer.CheckCall(in normalizer);
        problem.OutputGradient = AttentionCheck.Output(problem.Attention, outputGradient, nameof(outputGradient));
        problem.QueryGradient = Gradient(query, queryGradient, nameof(queryGradient), "the shape of 'query'");
        problem.KeyGradient = Gradient(key, keyGradient, nameof(keyGradient), "the shape of 'key'");
        problem.ValueGradient = Gradient(value, valueGradient, nameof(valueGradient), "the shape of 'value'");
        OverlapCheck overlap = new(query, key, value, outputGradient);
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(valueGradient, nameof(valueGradient));
        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, outputGradientAddress = outputGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.Attention.Value.Address = valueAddress;
            problem.OutputGradient.Address = outputGradientAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ValueGradient.Address = valueGradientAddress;
            NormalizedPass.Backward(problem, mask, modifier, normalizer, options);
        }
    }

    private static Operand Gradient(in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string name, string meaning) =>
        gradient.Rank == 0 ? default : AttentionCheck.Like(tensor, gradient, name, meaning);
}
