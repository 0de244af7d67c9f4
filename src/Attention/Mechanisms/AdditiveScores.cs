using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// The scores of additive attention alone (Bahdanau et al. 2015), <c>score_ij = sum_c vector_c tanh(query_ic + key_jc)</c>, for what
/// needs them as numbers: hard choices, or weights with a gradient. No memory of queryLength x keyLength x hiddenSize is used.
/// </summary>
/// <remarks>
/// Shapes: query <c>[batch, heads, queryLength, hiddenSize]</c> and key <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>, both projected
/// already; scores <c>[batch, heads, queryLength, keyLength]</c>. Any strides, the last axis contiguous. The bits do not depend on threads.
/// Nothing is allocated in the steady state.
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
        AdditiveScoreProblem problem = Check(query, key, scoreVector, options);
        problem.Scores = Scores(problem, scores, nameof(scores));
        Guard.Disjoint(scores, nameof(scores), query, nameof(query));
        Guard.Disjoint(scores, nameof(scores), key, nameof(key));
        Guard.Disjoint(scores, nameof(scores), scoreVector, nameof(scoreVector));
        fixed (float* queryAddress = query, keyAddress = key, vectorAddress = scoreVector, scoresAddress = scores)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Vector = vectorAddress;
            problem.Scores.Address = scoresAddress;
            AdditiveScorePass.Forward(problem, options);
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
        AdditiveScoreProblem problem = Check(query, key, scoreVector, options);
        problem.Scores = Scores(problem, scoresGradient, nameof(scoresGradient));
        problem.QueryGradient = Like(query, queryGradient, nameof(queryGradient));
        problem.KeyGradient = Like(key, keyGradient, nameof(keyGradient));
        if (scoreVectorGradient.Rank != 0)
        {
            Guard.Shape(scoreVectorGradient, scoreVector.Lengths, nameof(scoreVectorGradient), "[hiddenSize]");
        }

        OverlapCheck overlap = new(query, key, default, default, default);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Add(scoresGradient, nameof(scoresGradient));
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(scoreVectorGradient, nameof(scoreVectorGradient));
        int parts = problem.Batch * problem.KeyValueHeads;
        using Scratch.Rental sums = Scratch.Rent(scoreVectorGradient.Rank == 0 ? 0 : (nint)parts * problem.HiddenSize);
        fixed (float* queryAddress = query, keyAddress = key, vectorAddress = scoreVector, scoresAddress = scoresGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, vectorGradientAddress = scoreVectorGradient)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Vector = vectorAddress;
            problem.Scores.Address = scoresAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.VectorSums = vectorGradientAddress == null ? null : sums.Memory;
            AdditiveScorePass.Backward(problem, options);
            for (int column = 0; vectorGradientAddress != null && column < problem.HiddenSize; column++)
            {
                float sum = 0;
                for (int part = 0; part < parts; part++)
                {
                    sum += sums.Memory[(nint)part * problem.HiddenSize + column];
                }

                vectorGradientAddress[column] = sum;
            }
        }
    }

    private static AdditiveScoreProblem Check(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector, in AttentionOptions options)
    {
        // Queries are checked as scores are: options first, then four axes.
        GivenScores rows = GivenScoresCheck.Scores(query, nameof(query), options);
        Guard.Layout(key, 4, nameof(key), "[batch, keyValueHeads, keyLength, hiddenSize]");
        if (rows.KeyLength == 0)
        {
            Throw.Argument(nameof(query), $"'query' has shape {Guard.Text(query.Lengths)}; the hidden size must not be 0.");
        }

        if (key.Lengths[0] != rows.Batch || key.Lengths[3] != rows.KeyLength)
        {
            Throw.Argument(
                nameof(key),
                $"'key' has shape {Guard.Text(key.Lengths)}; expected batch {rows.Batch} and hidden size {rows.KeyLength} as the query has.");
        }

        AttentionCheck.Heads(rows.Heads, key.Lengths[1], key);
        Guard.Shape(scoreVector, [rows.KeyLength], nameof(scoreVector), "[hiddenSize]");
        return new AdditiveScoreProblem
        {
            Batch = rows.Batch,
            Heads = rows.Heads,
            KeyValueHeads = Math.Max(1, (int)key.Lengths[1]),
            QueryLength = rows.QueryLength,
            KeyLength = (int)key.Lengths[2],
            HiddenSize = rows.KeyLength,
            Query = AttentionCheck.Describe(query),
            Key = AttentionCheck.Describe(key),
        };
    }

    private static Operand Scores(in AdditiveScoreProblem problem, in ReadOnlyTensorSpan<float> scores, string parameter)
    {
        Guard.Shape(
            scores, [problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength], parameter, GivenScoresCheck.ScoresShape);
        return AttentionCheck.Describe(scores);
    }

    private static Operand Like(in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string parameter) =>
        gradient.Rank == 0 ? default : AttentionCheck.Like(tensor, gradient, parameter, "that of its tensor");
}
