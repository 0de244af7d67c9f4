using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Turns rows of scores that are given into weights, by any <see cref="INormalizer"/>: <see cref="SoftmaxNormalizer"/>, <see cref="SparsemaxNormalizer"/>,
/// <see cref="EntmaxNormalizer"/>, <see cref="SigmoidNormalizer"/>, <see cref="HardmaxNormalizer"/>, <see cref="TopKNormalizer"/> or
/// one's own; and the gradients.
/// </summary>
/// <remarks>
/// What is hidden takes no part and weighs zero, whatever its score, NaN included. A row that is hidden as a whole gives zeros,
/// and its gradient is zero. The bits of a row do not depend on the other rows, on what is hidden after its last key, or on the
/// number of threads. Nothing is allocated in the steady state. Scale and dropout of the options are not used.
/// </remarks>
public static unsafe class RowNormalization
{
    private const string RowShape = "[rows, length]";
    private const string PairShape = "[batch, heads, queryLength, keyLength]";

    /// <summary>Computes the weights of rows, each of a length of its own.</summary>
    /// <typeparam name="TNormalizer">The normaliser's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[rows, length]</c>.</param>
    /// <param name="lengths">How many scores of each row are real, <c>[rows]</c>; empty for all.</param>
    /// <param name="normalizer">What turns scores into weights.</param>
    /// <param name="destination">Overwritten, of the scores' shape; must not overlap them.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, length or option is not as said, or <paramref name="destination"/> overlaps the scores; nothing was written.</exception>
    public static void Forward<TNormalizer>(
        in ReadOnlyTensorSpan<float> scores, ReadOnlySpan<int> lengths, in TNormalizer normalizer, in TensorSpan<float> destination,
        in AttentionOptions options = default)
        where TNormalizer : struct, INormalizer
    {
        RowProblem problem = Rows(scores, nameof(scores), lengths, nameof(lengths), options, nameof(options));
        TNormalizer.CheckCall(in normalizer);
        problem.Weights = RowsLike(scores, destination, nameof(destination));
        Guard.Disjoint(destination, nameof(destination), scores, nameof(scores));
        fixed (float* scoreAddress = scores, weightAddress = destination)
        {
            problem.Scores.Address = scoreAddress;
            problem.Weights.Address = weightAddress;
            Run(problem, lengths, normalizer, isBackward: false, options);
        }
    }

    /// <summary>Computes the gradient of the scores of rows, each of a length of its own.</summary>
    /// <typeparam name="TNormalizer">The normaliser's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[rows, length]</c>.</param>
    /// <param name="weights">What the forward pass gave, of the scores' shape.</param>
    /// <param name="weightGradient">The gradient of the loss by the weights, of the scores' shape.</param>
    /// <param name="lengths">How many scores of each row are real, <c>[rows]</c>; empty for all.</param>
    /// <param name="normalizer">The normaliser of the forward pass.</param>
    /// <param name="scoreGradient">Overwritten, of the scores' shape; must not overlap an input.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, length or option is not as said, or <paramref name="scoreGradient"/> overlaps an input; nothing was written.</exception>
    public static void Backward<TNormalizer>(
        in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> weights, in ReadOnlyTensorSpan<float> weightGradient,
        ReadOnlySpan<int> lengths, in TNormalizer normalizer, in TensorSpan<float> scoreGradient, in AttentionOptions options = default)
        where TNormalizer : struct, INormalizer
    {
        RowProblem problem = Rows(scores, nameof(scores), lengths, nameof(lengths), options, nameof(options));
        TNormalizer.CheckCall(in normalizer);
        problem.Weights = RowsLike(scores, weights, nameof(weights));
        problem.WeightGradient = RowsLike(scores, weightGradient, nameof(weightGradient));
        problem.ScoreGradient = RowsLike(scores, scoreGradient, nameof(scoreGradient));
        Disjoint(scoreGradient, scores, weights, weightGradient);
        fixed (float* scoreAddress = scores, weightAddress = weights, sourceAddress = weightGradient, destinationAddress = scoreGradient)
        {
            problem.Scores.Address = scoreAddress;
            problem.Weights.Address = weightAddress;
            problem.WeightGradient.Address = sourceAddress;
            problem.ScoreGradient.Address = destinationAddress;
            Run(problem, lengths, normalizer, isBackward: true, options);
        }
    }

    /// <summary>Computes the weights of every head and query over the keys that the mask allows.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TNormalizer">The normaliser's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="normalizer">What turns scores into weights.</param>
    /// <param name="destination">Overwritten, of the scores' shape; must not overlap them.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="destination"/> overlaps the scores; nothing was written.</exception>
    public static void Forward<TMask, TNormalizer>(
        in ReadOnlyTensorSpan<float> scores, in TMask mask, in TNormalizer normalizer, in TensorSpan<float> destination,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TNormalizer : struct, INormalizer
    {
        RowProblem problem = Pairs(scores, mask, normalizer, options);
        problem.Weights = AttentionCheck.Like(scores, destination, nameof(destination), "the shape of 'scores'");
        Guard.Disjoint(destination, nameof(destination), scores, nameof(scores));
        fixed (float* scoreAddress = scores, weightAddress = destination)
        {
            problem.Scores.Address = scoreAddress;
            problem.Weights.Address = weightAddress;
            RowPass.Run(problem, mask, normalizer, isBackward: false, options);
        }
    }

    /// <summary>Computes the gradient of the scores of every head and query.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TNormalizer">The normaliser's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="weights">What the forward pass gave, of the scores' shape.</param>
    /// <param name="weightGradient">The gradient of the loss by the weights, of the scores' shape.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="normalizer">The normaliser of the forward pass.</param>
    /// <param name="scoreGradient">Overwritten, of the scores' shape; must not overlap an input.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="scoreGradient"/> overlaps an input; nothing was written.</exception>
    public static void Backward<TMask, TNormalizer>(
        in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> weights, in ReadOnlyTensorSpan<float> weightGradient,
        in TMask mask, in TNormalizer normalizer, in TensorSpan<float> scoreGradient, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TNormalizer : struct, INormalizer
    {
        RowProblem problem = Pairs(scores, mask, normalizer, options);
        problem.Weights = AttentionCheck.Like(scores, weights, nameof(weights), "the shape of 'scores'");
        problem.WeightGradient = AttentionCheck.Like(scores, weightGradient, nameof(weightGradient), "the shape of 'scores'");
        problem.ScoreGradient = AttentionCheck.Like(scores, scoreGradient, nameof(scoreGradient), "the shape of 'scores'");
        Disjoint(scoreGradient, scores, weights, weightGradient);
        fixed (float* scoreAddress = scores, weightAddress = weights, sourceAddress = weightGradient, destinationAddress = scoreGradient)
        {
            problem.Scores.Address = scoreAddress;
            problem.Weights.Address = weightAddress;
            problem.WeightGradient.Address = sourceAddress;
            problem.ScoreGradient.Address = destinationAddress;
            RowPass.Run(problem, mask, normalizer, isBackward: true, options);
        }
    }

    private static void Run<TNormalizer>(
        in RowProblem problem, ReadOnlySpan<int> lengths, in TNormalizer normalizer, bool isBackward, in AttentionOptions options)
        where TNormalizer : struct, INormalizer
    {
        if (lengths.IsEmpty)
        {
            RowPass.Run(problem, default(NoMask), normalizer, isBackward, options);
            return;
        }

        fixed (int* lengthAddress = lengths)
        {
            RowPass.Run(problem, new RowLengths(lengthAddress), normalizer, isBackward, options);
        }
    }

    private static RowProblem Rows(
        in ReadOnlyTensorSpan<float> scores, string name, ReadOnlySpan<int> lengths, string lengthsName, in AttentionOptions options, string optionsName)
    {
        Guard.Options(options, optionsName);
        Guard.Layout(scores, 2, name, RowShape);
        int rows = (int)scores.Lengths[0];
        int keyLength = (int)scores.Lengths[1];
        if (!lengths.IsEmpty && lengths.Length != rows)
        {
            Throw.Argument(lengthsName, $"'{lengthsName}' has {lengths.Length} elements; expected one for each of the {rows} rows, or none.");
        }

        for (int row = 0; row < lengths.Length; row++)
        {
            if ((uint)lengths[row] > (uint)keyLength)
            {
                Throw.OutOfRange(
                    lengthsName, lengths[row], $"'{lengthsName}' has {lengths[row]} at position {row}; expected a length in [0, {keyLength}].");
            }
        }

        return new RowProblem { Batch = rows, Heads = 1, QueryLength = 1, KeyLength = keyLength, Scores = new() { BatchStride = scores.Strides[0] } };
    }

    private static Operand RowsLike(in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> tensor, string name)
    {
        Guard.Shape(tensor, scores.Lengths, name, "the shape of 'scores'");
        return new Operand { BatchStride = tensor.Strides[0] };
    }

    private static RowProblem Pairs<TMask, TNormalizer>(
        in ReadOnlyTensorSpan<float> scores, in TMask mask, in TNormalizer normalizer, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TNormalizer : struct, INormalizer
    {
        Guard.Options(options, nameof(options));
        Guard.Layout(scores, 4, nameof(scores), PairShape);
        RowProblem problem = new()
        {
            Batch = (int)scores.Lengths[0],
            Heads = (int)scores.Lengths[1],
            QueryLength = (int)scores.Lengths[2],
            KeyLength = (int)scores.Lengths[3],
            Scores = AttentionCheck.Describe(scores),
        };
        TMask.CheckCall(in mask, problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength);
        TNormalizer.CheckCall(in normalizer);
        return problem;
    }

    private static void Disjoint(
        in ReadOnlyTensorSpan<float> scoreGradient, in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> weights,
        in ReadOnlyTensorSpan<float> weightGradient)
    {
        Guard.Disjoint(scoreGradient, nameof(scoreGradient), scores, nameof(scores));
        Guard.Disjoint(scoreGradient, nameof(scoreGradient), weights, nameof(weights));
        Guard.Disjoint(scoreGradient, nameof(scoreGradient), weightGradient, nameof(weightGradient));
    }
}
