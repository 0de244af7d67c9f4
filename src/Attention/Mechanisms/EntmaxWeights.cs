using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Entmax of given scores with an alpha that can be learned, one for all heads or one for each, and the gradients of scores and
/// alpha (Peters, Niculae and Martins 2019, "Sparse Sequence-to-Sequence Models"; Correia, Niculae and Martins 2019, "Adaptively
/// Sparse Transformers", proposition 1).
/// </summary>
/// <remarks>
/// Shapes <c>[batch, heads, queryLength, keyLength]</c>, any strides, the last axis contiguous. What a mask hides weighs 0 and is not
/// looked at, NaN included; a row that may attend to nothing has weights and gradients of 0; a row with NaN or positive infinity is
/// NaN where it is allowed. The bits do not depend on threads or the rows around. Nothing is allocated in the steady state.
/// </remarks>
public static unsafe class EntmaxWeights
{
    private const string AlphaShape = "[1] or [heads]";
    private const string LikeWeights = "the shape of 'weights'";

    /// <summary>Computes the weights; see <see cref="EntmaxNormalizer"/>.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="alpha">From 1, softmax, to 2, sparsemax, <c>[1]</c> or <c>[heads]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="weights">Overwritten, of the scores' shape.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride, alpha or option is not as said, or <paramref name="weights"/> overlaps an input; nothing was written.
    /// </exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> alpha, in TMask mask, in TensorSpan<float> weights,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        GivenScores given = GivenScoresCheck.Scores(scores, nameof(scores), options);
        EntmaxProblem problem = Describe(given, alpha);
        problem.Rows.Scores = given.Scores;
        problem.Rows.Weights = AttentionCheck.Like(scores, weights, nameof(weights), "the shape of 'scores'");
        GivenScoresCheck.Mask(given, mask);
        Guard.Disjoint(weights, nameof(weights), scores, nameof(scores));
        Guard.Disjoint(weights, nameof(weights), alpha, nameof(alpha));
        fixed (float* scoreAddress = scores, alphaAddress = alpha, weightAddress = weights)
        {
            problem.Rows.Scores.Address = scoreAddress;
            problem.Rows.Weights.Address = weightAddress;
            problem.Alpha = alphaAddress;
            EntmaxPass.Run(problem, mask, options);
        }
    }

    /// <summary>
    /// Computes the gradients: with weights p, their gradient g and <c>q_j = p_j^(2 - alpha) / sum_k p_k^(2 - alpha)</c> that of the
    /// scores, <c>p_j^(2 - alpha) (g_j - sum_k q_k g_k)</c>, and that of alpha,
    /// <c>sum_j g_j ((p_j - q_j) / (alpha - 1)^2 - (p_j ln p_j - q_j sum_k p_k ln p_k) / (alpha - 1))</c>, summed over all rows that
    /// share an alpha. At alpha = 1 the latter is its limit, <c>sum_j g_j p_j (sum_k p_k ln^2 p_k - ln^2 p_j) / 2</c>, and near 1 it
    /// loses no digits.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="weights">What the forward pass gave, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="weightGradient">The gradient of the loss by the weights, of that shape; not looked at where a weight is 0.</param>
    /// <param name="alpha">That of the forward pass.</param>
    /// <param name="mask">That of the forward pass.</param>
    /// <param name="scoreGradient">Overwritten, of the weights' shape; <c>default</c> if not wanted.</param>
    /// <param name="alphaGradient">Overwritten, of the shape of <paramref name="alpha"/>; <c>default</c> if not wanted.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride, alpha or option is not as said, or a result overlaps an input or the other result; nothing was written.
    /// </exception>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> weights, in ReadOnlyTensorSpan<float> weightGradient, in ReadOnlyTensorSpan<float> alpha, in TMask mask,
        in TensorSpan<float> scoreGradient, in TensorSpan<float> alphaGradient, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        GivenScores given = GivenScoresCheck.Scores(weights, nameof(weights), options);
        EntmaxProblem problem = Describe(given, alpha);
        problem.IsBackward = true;
        problem.Rows.Weights = given.Scores;
        problem.Rows.WeightGradient = AttentionCheck.Like(weights, weightGradient, nameof(weightGradient), LikeWeights);
        problem.Rows.ScoreGradient =
            scoreGradient.Rank == 0 ? default : AttentionCheck.Like(weights, scoreGradient, nameof(scoreGradient), LikeWeights);
        if (alphaGradient.Rank != 0)
        {
            Guard.Shape(alphaGradient, alpha.Lengths, nameof(alphaGradient), "the shape of 'alpha'");
        }

        GivenScoresCheck.Mask(given, mask);
        Disjoint(scoreGradient, nameof(scoreGradient), weights, weightGradient, alpha);
        Disjoint(alphaGradient, nameof(alphaGradient), weights, weightGradient, alpha);
        Guard.Disjoint(alphaGradient, nameof(alphaGradient), scoreGradient, nameof(scoreGradient));
        nint rows = alphaGradient.Rank == 0 ? 0 : (nint)given.Batch * given.Heads * given.QueryLength;
        using Scratch.Rental sums = Scratch.Rent(rows * (sizeof(double) / sizeof(float)));
        fixed (float* weightAddress = weights, sourceAddress = weightGradient, alphaAddress = alpha)
        fixed (float* scoreAddress = scoreGradient, alphaGradientAddress = alphaGradient)
        {
            problem.Rows.Weights.Address = weightAddress;
            problem.Rows.WeightGradient.Address = sourceAddress;
            problem.Rows.ScoreGradient.Address = scoreAddress;
            problem.Alpha = alphaAddress;
            if (rows > 0)
            {
                // Rows without keys have nothing to write.
                problem.AlphaGradients = (double*)sums.Memory;
                new Span<double>(problem.AlphaGradients, checked((int)rows)).Clear();
            }

            EntmaxPass.Run(problem, mask, options);
            if (alphaGradient.Rank != 0)
            {
                EntmaxPass.SumAlphaGradients(problem, new Span<float>(alphaGradientAddress, (int)alphaGradient.FlattenedLength));
            }
        }
    }

    /// <summary>Sizes and the alphas, which are looked at; addresses are left to the caller, who pins them.</summary>
    private static EntmaxProblem Describe(in GivenScores given, in ReadOnlyTensorSpan<float> alpha)
    {
        Guard.Layout(alpha, 1, nameof(alpha), AlphaShape);
        if (alpha.Lengths[0] != 1 && alpha.Lengths[0] != given.Heads)
        {
            Throw.Argument(nameof(alpha), $"'alpha' has shape {Guard.Text(alpha.Lengths)}; expected [1] or [{given.Heads}] ({AlphaShape}).");
        }

        for (nint head = 0; head < alpha.Lengths[0]; head++)
        {
            float value = alpha[head];
            if (!(value >= 1 && value <= 2))
            {
                Throw.OutOfRange(nameof(alpha), value, $"'alpha' has {value} at position {head}; expected a number in [1, 2].");
            }
        }

        return new EntmaxProblem
        {
            Rows = new RowProblem { Batch = given.Batch, Heads = given.Heads, QueryLength = given.QueryLength, KeyLength = given.KeyLength },
            IsOneAlpha = alpha.Lengths[0] == 1,
        };
    }

    private static void Disjoint(
        in ReadOnlyTensorSpan<float> written, string name, in ReadOnlyTensorSpan<float> weights, in ReadOnlyTensorSpan<float> weightGradient,
        in ReadOnlyTensorSpan<float> alpha)
    {
        Guard.Disjoint(written, name, weights, nameof(weights));
        Guard.Disjoint(written, name, weightGradient, nameof(weightGradient));
        Guard.Disjoint(written, name, alpha, nameof(alpha));
    }
}
