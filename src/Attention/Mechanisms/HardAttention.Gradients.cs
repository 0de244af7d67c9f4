using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class HardAttention
{
    /// <summary>
    /// Computes the gradient of the scores from those of log-probability and entropy: with a = softmax(scores), the chosen key s and
    /// the entropy H, <c>scoresGradient_i = dLogProbability (1[i = s] - a_i) - dEntropy a_i (ln a_i + H)</c>.
    /// </summary>
    /// <remarks>
    /// REINFORCE, for a loss to be minimised, is <c>dLogProbability = -weight (return - baseline)</c> and
    /// <c>dEntropy = -entropyWeight</c> (Xu et al. 2015, equation 12, with the sign turned). Rows that may attend to nothing, and hidden keys, get 0.
    /// </remarks>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores of the forward pass, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="choices">The chosen keys, <c>[batch, heads, queryLength]</c> row-major; may be empty if there is no <paramref name="logProbabilityGradient"/>.</param>
    /// <param name="logProbabilityGradient">The gradient of the loss by the log-probability, <c>[batch, heads, queryLength]</c>; <c>default</c> for none.</param>
    /// <param name="entropyGradient">The gradient of the loss by the entropy, <c>[batch, heads, queryLength]</c>; <c>default</c> for none.</param>
    /// <param name="scoresGradient">Overwritten, of the scores' shape.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said, a choice is no key, or the result overlaps an input. Nothing was written.
    /// </exception>
    public static void ScoreGradients<TMask>(
        in ReadOnlyTensorSpan<float> scores, in TMask mask, ReadOnlySpan<int> choices,
        in ReadOnlyTensorSpan<float> logProbabilityGradient, in ReadOnlyTensorSpan<float> entropyGradient,
        in TensorSpan<float> scoresGradient, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        GivenScores given = GivenScoresCheck.Scores(scores, nameof(scores), options);
        ChoiceGradientProblem problem = new()
        {
            LogProbabilityGradient = GivenScoresCheck.OneARow(given, logProbabilityGradient, nameof(logProbabilityGradient)),
            EntropyGradient = GivenScoresCheck.OneARow(given, entropyGradient, nameof(entropyGradient)),
            ScoresGradient = GivenScoresCheck.Like(given, scoresGradient, nameof(scoresGradient)),
        };
        GivenScoresCheck.Mask(given, mask);
        if (logProbabilityGradient.Rank != 0 || choices.Length != 0)
        {
            GivenScoresCheck.Choices(choices, given.Rows, given.KeyLength, nameof(choices));
        }

        Guard.Disjoint(scoresGradient, nameof(scoresGradient), scores, nameof(scores));
        Guard.Disjoint(scoresGradient, nameof(scoresGradient), logProbabilityGradient, nameof(logProbabilityGradient));
        Guard.Disjoint(scoresGradient, nameof(scoresGradient), entropyGradient, nameof(entropyGradient));
        fixed (float* scoresAddress = scores, destinationAddress = scoresGradient)
        fixed (float* logProbabilityAddress = logProbabilityGradient, entropyAddress = entropyGradient)
        fixed (int* choicesAddress = choices)
        {
            given.Scores.Address = scoresAddress;
            problem.Given = given;
            problem.Choices = choicesAddress;
            problem.LogProbabilityGradient.Address = logProbabilityAddress;
            problem.EntropyGradient.Address = entropyAddress;
            problem.ScoresGradient.Address = destinationAddress;
            ChoicePass.ScoreGradients(problem, mask, options);
        }
    }

    /// <summary>
    /// Computes the gradient of the values: each row of <paramref name="outputGradient"/> is added to the value that was chosen, heads of
    /// a group and queries in order; values that nobody chose get 0.
    /// </summary>
    /// <param name="choices">The chosen keys, <c>[batch, heads, queryLength]</c> row-major.</param>
    /// <param name="outputGradient">The gradient of the output, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="valueGradient">Overwritten, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said, a choice is no key, or the result overlaps <paramref name="outputGradient"/>. Nothing was written.
    /// </exception>
    public static void ValueGradients(
        ReadOnlySpan<int> choices, in ReadOnlyTensorSpan<float> outputGradient, in TensorSpan<float> valueGradient,
        in AttentionOptions options = default)
    {
        // Of the outputs' gradient batch, heads and queries are those of scores.
        GivenScores rows = GivenScoresCheck.Scores(outputGradient, nameof(outputGradient), options);
        Guard.Layout(valueGradient, 4, nameof(valueGradient), "[batch, keyValueHeads, keyLength, valueSize]");
        Values(rows.Batch, rows.Heads, valueGradient, nameof(valueGradient));
        if (valueGradient.Lengths[3] != outputGradient.Lengths[3])
        {
            Throw.Argument(
                nameof(valueGradient),
                $"'valueGradient' has shape {Guard.Text(valueGradient.Lengths)}; expected a value size of {outputGradient.Lengths[3]} as 'outputGradient' has.");
        }

        GivenScoresCheck.Choices(choices, rows.Rows, (int)valueGradient.Lengths[2], nameof(choices));
        Guard.Disjoint(valueGradient, nameof(valueGradient), outputGradient, nameof(outputGradient));
        fixed (float* outputAddress = outputGradient, valueAddress = valueGradient)
        fixed (int* choicesAddress = choices)
        {
            ChosenScatterProblem problem = new()
            {
                Batch = rows.Batch,
                Heads = rows.Heads,
                KeyValueHeads = Math.Max(1, (int)valueGradient.Lengths[1]),
                QueryLength = rows.QueryLength,
                KeyLength = (int)valueGradient.Lengths[2],
                ValueSize = (int)valueGradient.Lengths[3],
                Choices = choicesAddress,
                OutputGradient = AttentionCheck.Describe(outputGradient),
                ValueGradient = AttentionCheck.Describe(valueGradient),
            };
            problem.OutputGradient.Address = outputAddress;
            problem.ValueGradient.Address = valueAddress;
            if (rows.Heads != 0)
            {
                ChoicePass.ValueGradients(problem, options);
            }
        }
    }
}
