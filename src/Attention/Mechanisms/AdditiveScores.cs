using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// The scores of additive attention alone (Bahdanau et al. 2015), <c>score_ij = sum_c vector_c tanh(query_ic + key_jc)</c>, for what
/// needs them as numbers: hard choices, or weights with a gradient. No memory of queryLength x keyLength x hiddenSize is used.
/// </summary>
/// <remarks>
/// Shapes: query <c>[batch, heads, queryLength, hiddenSize]</c> and key <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>, both projected
/// already; scores <c>[batch, heads, queryLength, keyLength]</c>. Any strides, the last axis contiguous. The bits do not depend on threads.
/// Nothing is allocated in the steady state. Where the scores only weigh values by their softmax, <see cref="AdditiveAttention"/> does it without
/// storing them.
/// </remarks>
public static unsafe class AdditiveScores
{
    /// <summary>Computes the scores.</summary>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The factors of the sum, <c>[hiddenSize]</c>.</param>
    /// <param name="scores">Overwritten, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or the result overlaps an input; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in TensorSpan<float> scores, in AttentionOptions options = default)
    {
        AdditiveProblem problem = Check(query, key, scoreVector, options);
        Operand destination = Scores(problem.Attention, scores, nameof(scores));
        Guard.Disjoint(scores, nameof(scores), query, nameof(query));
        Guard.Disjoint(scores, nameof(scores), key, nameof(key));
        Guard.Disjoint(scores, nameof(scores), scoreVector, nameof(scoreVector));
        fixed (float* queryAddress = query, keyAddress = key, vectorAddress = scoreVector, scoresAddress = scores)
        {
            problem.Attention.Query.Address = queryAddress;
            problem.Attention.Key.Address = keyAddress;
            problem.ScoreVector = vectorAddress;
            destination.Address = scoresAddress;
            AdditivePass.Scores(problem, destination, options);
        }
    }

    /// <summary>
    /// Computes the gradients: with t = tanh(q + k) and the score's gradient g, <c>g t</c> comes to the vector and <c>g vector (1 - t^2)</c> to query and
    /// key. Keys whose score has a gradient of 0, such as hidden ones, are not looked at.
    /// </summary>
    /// <param name="query">As in the forward pass.</param>
    /// <param name="key">As in the forward pass.</param>
    /// <param name="scoreVector">As in the forward pass.</param>
    /// <param name="scoresGradient">The gradient of the loss by the scores, of their shape.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape; <c>default</c> if not wanted.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape, summed over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="scoreVectorGradient">Overwritten, <c>[hiddenSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.
    /// </exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in ReadOnlyTensorSpan<float> scoresGradient, in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient,
        in TensorSpan<float> scoreVectorGradient, in AttentionOptions options = default)
    {
        AdditiveProblem forward = Check(query, key, scoreVector, options);
        AdditiveGradientProblem problem = new()
        {
            Forward = forward,
            ScoresGradient = Scores(forward.Attention, scoresGradient, nameof(scoresGradient)),
            QueryGradient = AdditiveCheck.Gradient(query, queryGradient, nameof(queryGradient), "the shape of 'query'"),
            KeyGradient = AdditiveCheck.Gradient(key, keyGradient, nameof(keyGradient), "the shape of 'key'"),
        };
        if (scoreVectorGradient.Rank != 0)
        {
            AdditiveCheck.Vector(scoreVectorGradient, forward.Attention.HeadSize, nameof(scoreVectorGradient));
        }

        OverlapCheck overlap = new(query, key, default, default, default);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Add(scoresGradient, nameof(scoresGradient));
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(scoreVectorGradient, nameof(scoreVectorGradient));
        fixed (float* queryAddress = query, keyAddress = key, vectorAddress = scoreVector, scoresAddress = scoresGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, vectorGradientAddress = scoreVectorGradient)
        {
            problem.Forward.Attention.Query.Address = queryAddress;
            problem.Forward.Attention.Key.Address = keyAddress;
            problem.Forward.ScoreVector = vectorAddress;
            problem.ScoresGradient.Address = scoresAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ScoreVectorGradient = vectorGradientAddress;
            AdditivePass.ScoresBackward(problem, options);
        }
    }

    private static AdditiveProblem Check(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector, in AttentionOptions options)
    {
        AdditiveProblem problem = AdditiveCheck.QueryAndKey(query, key, scoreVector, default(NoMask), options);
        if (options.Dropout != 0)
        {
            Throw.Argument(nameof(options), $"'{nameof(AttentionOptions.Dropout)}' is {options.Dropout}; expected 0: scores have no dropout.");
        }

        return problem;
    }

    private static Operand Scores(in AttentionProblem problem, in ReadOnlyTensorSpan<float> scores, string parameter)
    {
        Guard.Shape(
            scores, [problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength], parameter, GivenScoresCheck.ScoresShape);
        return AttentionCheck.Describe(scores);
    }
}
