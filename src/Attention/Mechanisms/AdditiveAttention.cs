using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Additive attention (Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and Translate", appendix A.1.2):
/// <c>score_ij = sum_k v_k tanh(q_ik + k_jk)</c>, <c>output_i = sum_j softmax(score)_ij value_j</c>, over queries and keys that are
/// projected to the hidden size already, a bias inside of the tanh added to either.
/// </summary>
/// <remarks>
/// <para>
/// Shapes, strides, rows that may attend to nothing (output 0, log-sum-exp negative infinity, gradients 0), NaN behind masks, dropout
/// and threads are as of <see cref="ScaledDotProductAttention"/>, the head size being the hidden size. There is no scale.
/// </para>
/// <para>
/// Thirty-two queries of a head meet a block of 64 to 512 keys at a time, and nothing of size queryLength x keyLength is ever
/// stored, let alone queryLength x keyLength x hiddenSize. A thread takes about <c>max(32768, 64 hiddenSize)</c> floats for a block, up to
/// 16384 for its scores and <c>32 valueSize</c>. The backward pass takes that and <c>16384 + 64 hiddenSize</c> more, and adds
/// partial sums: up to 16 of the gradients of keys and values where batch times key heads are fewer than 16, or else those of 16
/// key heads.
/// </para>
/// </remarks>
public static unsafe partial class AdditiveAttention
{
    /// <summary>Computes additive attention over the keys that <paramref name="mask"/> allows and, if wanted, the logarithm of every row's normaliser.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The weight of each hidden unit, <c>[hiddenSize]</c>; all heads share it.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>, natural logarithm; <c>default</c> if not wanted.</param>
    /// <param name="options">Dropout, threads; the scale must be left out.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in ReadOnlyTensorSpan<float> value, in TMask mask, in TensorSpan<float> output, in TensorSpan<float> logSumExp = default,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AdditiveProblem problem = AdditiveCheck.Inputs(query, key, scoreVector, value, mask, options);
        problem.Attention.Output = AttentionCheck.Output(problem.Attention, output, nameof(output));
        problem.Attention.LogSumExp = AttentionCheck.LogSumExp(problem.Attention, logSumExp, nameof(logSumExp));
        OverlapCheck overlap = new(query, key, value);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Check(output, nameof(output));
        overlap.Check(logSumExp, nameof(logSumExp));

        fixed (float* queryAddress = query, keyAddress = key, scoreVectorAddress = scoreVector, valueAddress = value)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.Attention.Value.Address = valueAddress;
            problem.Attention.Output.Address = outputAddress;
            problem.Attention.LogSumExp.Address = logSumExpAddress;
            problem.ScoreVector = scoreVectorAddress;
            AdditivePass.Forward(problem, mask, options);
        }
    }

    /// <summary>Computes the normalised weights before dropout, for looking at: those of hidden pairs, and of rows without any, are zero.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The weight of each hidden unit, <c>[hiddenSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="destination">Overwritten, <c>[batch, heads, queryLength, keyLength]</c>; must not overlap an input.</param>
    /// <param name="options">Threads; the scale must be left out.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="destination"/> overlaps an input; nothing was written.</exception>
    public static void Weights<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector, in TMask mask,
        in TensorSpan<float> destination, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AdditiveProblem problem = AdditiveCheck.QueryAndKey(query, key, scoreVector, mask, options);
        AttentionProblem attention = problem.Attention;
        Guard.Shape(
            destination, [attention.Batch, attention.Heads, attention.QueryLength, attention.KeyLength], nameof(destination),
            "[batch, heads, queryLength, keyLength]");
        OverlapCheck overlap = new(query, key, default);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Check(destination, nameof(destination));

        Operand weights = AttentionCheck.Describe(destination);
        fixed (float* queryAddress = query, keyAddress = key, scoreVectorAddress = scoreVector, destinationAddress = destination)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.ScoreVector = scoreVectorAddress;
            weights.Address = destinationAddress;
            AdditivePass.Weights(problem, mask, weights, options);
        }
    }
}
