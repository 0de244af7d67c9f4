using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Additive attention (Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and Translate", appendix
/// A.1.2): <c>score_ij = sum over c of scoreVector[c] tanh(query_i[c] + key_j[c])</c>, <c>output_i = sum_j softmax(score)_ij value_j</c>.
/// </summary>
/// <remarks>
/// <para>
/// Queries and keys are projected to the hidden size before, the bias inside of the hyperbolic tangent added to either; so keys are
/// projected once, however many steps a decoder takes. Shapes, strides, masks, rows that may attend to nothing, NaN behind masks
/// and threads are as of <see cref="ScaledDotProductAttention"/>; there is no scale.
/// </para>
/// <para>
/// Thirty-two queries of a head are computed at a time, with whole rows of scores: a thread takes about
/// <c>32 keyLength + 160 hiddenSize</c> floats forward and two to three times that backward, nothing of size queryLength x keyLength,
/// let alone times hiddenSize. The backward pass adds partial sums: up to 16 of the gradients of keys and values where batch times
/// key heads are fewer than 16, or else those of 16 key heads.
/// </para>
/// </remarks>
public static unsafe partial class AdditiveAttention
{
    /// <summary>Computes additive attention over the keys that <paramref name="mask"/> allows and, if wanted, the logarithm of every row's normaliser.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The vector that sums the hyperbolic tangents up, <c>[hiddenSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>; often what the keys are projections of.</param>
    /// <param name="mask">Which keys a query may attend to; <see cref="NoMask"/> for all.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>, natural logarithm; <c>default</c> if not wanted.</param>
    /// <param name="options">Dropout, threads; no scale.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in ReadOnlyTensorSpan<float> value, in TMask mask, in TensorSpan<float> output, in TensorSpan<float> logSumExp = default,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AdditiveProblem problem = Check(query, key, scoreVector, value, mask, options);
        problem.Attention.Output = AttentionCheck.Output(problem.Attention, output, nameof(output));
        problem.Attention.LogSumExp = AttentionCheck.LogSumExp(problem.Attention, logSumExp, nameof(logSumExp));
        RelativeOverlap overlap = new(query, key, value);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Check(output, nameof(output));
        overlap.Check(logSumExp, nameof(logSumExp));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, vectorAddress = scoreVector)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.Attention.Value.Address = valueAddress;
            problem.Attention.Output.Address = outputAddress;
            problem.Attention.LogSumExp.Address = logSumExpAddress;
            problem.ScoreVector = vectorAddress;
            AdditivePass.Forward(problem, mask, default, options);
        }
    }

    /// <summary>Computes the weights that <c>Forward</c> gives the values, before dropout.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The score vector, <c>[hiddenSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="weights">Overwritten, <c>[batch, heads, queryLength, keyLength]</c>; must not overlap an input.</param>
    /// <param name="options">Threads; dropout is not looked at.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="weights"/> overlaps an input; nothing was written.</exception>
    public static void Weights<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector, in TMask mask,
        in TensorSpan<float> weights, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AdditiveProblem problem = Check(query, key, scoreVector, key, mask, options with { Dropout = 0 });
        AttentionProblem attention = problem.Attention;
        Guard.Shape(
            weights, [attention.Batch, attention.Heads, attention.QueryLength, attention.KeyLength], nameof(weights),
            "[batch, heads, queryLength, keyLength]");
        RelativeOverlap overlap = new(query, key, key);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Check(weights, nameof(weights));
        Operand destination = AttentionCheck.Describe(weights);
        fixed (float* queryAddress = query, keyAddress = key, vectorAddress = scoreVector, weightAddress = weights)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.ScoreVector = vectorAddress;
            destination.Address = weightAddress;
            if (weights.FlattenedLength > 0)
            {
                AdditivePass.Forward(problem, mask, destination, options);
            }
        }
    }

    private static AdditiveProblem Check<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in ReadOnlyTensorSpan<float> value, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        if (options.Scale is not null)
        {
            Throw.Argument(nameof(options), $"'{nameof(options)}' has a scale of {options.Scale}; additive attention has none.");
        }

        AttentionProblem attention = RelativeCheck.Attention(query, key, value, mask, options);
        Guard.Shape(scoreVector, [attention.HeadSize], nameof(scoreVector), "[hiddenSize]");
        return new AdditiveProblem { Attention = attention };
    }
}
