using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Attention of each query to a window of keys around a position of its own (Luong et al. 2015, "Effective Approaches to
/// Attention-based Neural Machine Translation", section 3.2): <c>weight_s = softmax(scale q . k_s)</c> over
/// <c>s in [floor(p) - D, floor(p) + D]</c>, then, for local-p alone, times <c>exp(-(s - p)^2 / (2 sigma^2))</c> with
/// <c>sigma = D / 2</c> (equations 7 to 10), and <c>output = sum_s weight_s v_s</c>.
/// </summary>
/// <remarks>
/// <para>
/// The Gaussian comes after the softmax, with the real p and not its whole part, and is not normalised again: with it the weights of
/// a row sum to at most 1. The middle of the window, <c>clamp(floor(p), 0, length - 1)</c>, is always a real key; the window is cut
/// at both ends of the sentence. With D = 0 the factor of the one key is 1; with D >= length the window is the whole sentence.
/// A position that is NaN makes its row NaN.
/// </para>
/// <para>
/// Shapes, strides, NaN behind masks and threads are as of <see cref="ScaledDotProductAttention"/>, and so is the scale, which for
/// Luong's scores is 1. A query that may attend to nothing in its window gets output 0, log-sum-exp negative infinity, gradients 0.
/// All heads share the positions.
/// </para>
/// <para>
/// Time is proportional to queries times window. A thread takes three rows of scratch as long as a window, and the backward pass
/// about seven floats for each query of each head.
/// </para>
/// </remarks>
public static unsafe partial class LocalAttention
{
    /// <summary>Computes attention to windows.</summary>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="position">Where each query looks, <c>[batch, queryLength]</c>.</param>
    /// <param name="window">How far it sees.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="output"/> overlaps an input; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> position, in LocalWindow window, in TensorSpan<float> output, in AttentionOptions options = default) =>
        Forward(query, key, value, position, window, default(NoMask), output, default, options);

    /// <summary>Computes attention to those keys of windows that <paramref name="mask"/> allows and, if wanted, the logarithm of every row's normaliser.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="position">Where each query looks, <c>[batch, queryLength]</c>.</param>
    /// <param name="window">How far it sees.</param>
    /// <param name="mask">Which keys a query may attend to, besides.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>, natural logarithm, of the softmax before the Gaussian; <c>default</c> if not wanted.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> position, in LocalWindow window, in TMask mask, in TensorSpan<float> output,
        in TensorSpan<float> logSumExp = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        LocalProblem problem = LocalCheck.Problem(AttentionCheck.Inputs(query, key, value, options), position, window, mask);
        problem.Attention.Output = AttentionCheck.Output(problem.Attention, output, nameof(output));
        problem.Attention.LogSumExp = AttentionCheck.LogSumExp(problem.Attention, logSumExp, nameof(logSumExp));
        OverlapCheck overlap = new(query, key, value);
        overlap.Add(position, nameof(position));
        overlap.Check(output, nameof(output));
        overlap.Check(logSumExp, nameof(logSumExp));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, positionAddress = position)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp)
        fixed (int* keyLengths = window.KeyLengths)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.Attention.Value.Address = valueAddress;
            problem.Attention.Output.Address = outputAddress;
            problem.Attention.LogSumExp.Address = logSumExpAddress;
            problem.Position.Address = positionAddress;
            problem.KeyLengths = keyLengths;
            LocalPass.Forward(problem, mask, options);
        }
    }

    /// <summary>Computes the weights of the values, after the Gaussian; those outside of windows are zero.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="position">Where each query looks, <c>[batch, queryLength]</c>.</param>
    /// <param name="window">How far it sees.</param>
    /// <param name="mask">Which keys a query may attend to, besides.</param>
    /// <param name="destination">Overwritten, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="options">Scale, threads; dropout is not applied.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="destination"/> overlaps an input; nothing was written.</exception>
    public static void Weights<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> position, in LocalWindow window,
        in TMask mask, in TensorSpan<float> destination, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AttentionProblem attention = AttentionCheck.QueryAndKey(query, key, options);
        attention.Dropout = 0;
        LocalProblem problem = LocalCheck.Problem(attention, position, window, mask);
        Guard.Shape(
            destination, [attention.Batch, attention.Heads, attention.QueryLength, attention.KeyLength], nameof(destination),
            "[batch, heads, queryLength, keyLength]");
        problem.Weights = AttentionCheck.Describe(destination);
        Guard.Disjoint(destination, nameof(destination), query, nameof(query));
        Guard.Disjoint(destination, nameof(destination), key, nameof(key));
        Guard.Disjoint(destination, nameof(destination), position, nameof(position));

        fixed (float* queryAddress = query, keyAddress = key, positionAddress = position, destinationAddress = destination)
        fixed (int* keyLengths = window.KeyLengths)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.Position.Address = positionAddress;
            problem.Weights.Address = destinationAddress;
            problem.KeyLengths = keyLengths;
            LocalPass.Forward(problem, mask, options);
        }
    }
}
