using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Hard attention (Xu et al. 2015, "Show, Attend and Tell", section 4.1): each query takes the value of one key,
/// <c>output_i = value_s</c>, with s drawn from <c>a = softmax(scores_i)</c> or the key of the largest score.
/// </summary>
/// <remarks>
/// <para>
/// Shapes: scores <c>[batch, heads, queryLength, keyLength]</c>, value <c>[batch, keyValueHeads, keyLength, valueSize]</c>, output
/// <c>[batch, heads, queryLength, valueSize]</c>; query head h reads key head <c>h / (heads / keyValueHeads)</c>. Any strides, the
/// last axis contiguous. An output costs a copy of valueSize numbers, and not keyLength times as many.
/// </para>
/// <para>
/// A choice has no derivative. What trains the scores are estimates from the log-probability of the choice and the entropy of
/// the row, whose gradients <see cref="ScoreGradients"/> gives; both are computed from log-softmax, never by division by a weight.
/// </para>
/// <para>
/// Unlike soft attention, a row that may attend to nothing has no result: it is refused before anything is written. What a mask
/// hides is not looked at. A draw depends on seed, batch, head and query alone, so that the bits do not depend on threads or
/// on the rows around. Nothing is allocated in the steady state.
/// </para>
/// </remarks>
public static unsafe partial class HardAttention
{
    /// <summary>Chooses a key for every query among those that <paramref name="mask"/> allows and takes its value.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="scores">The scores, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>; <c>default</c> if no output is wanted.</param>
    /// <param name="mask">Which keys a query may choose.</param>
    /// <param name="choice">How.</param>
    /// <param name="choices">
    /// The chosen keys, <c>[batch, heads, queryLength]</c> row-major: overwritten, but read with <see cref="KeyChoice.Given"/>.
    /// </param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="logProbability">Overwritten with ln a_s, <c>[batch, heads, queryLength]</c>; <c>default</c> if not wanted.</param>
    /// <param name="entropy">Overwritten with <c>-sum(a ln a)</c>, <c>[batch, heads, queryLength]</c>; <c>default</c> if not wanted.</param>
    /// <param name="options">Threads; a scale or a dropout is refused.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said; a result overlaps an input or another result; a query may choose no key, or all
    /// of its scores are negative infinity (<paramref name="mask"/>); the scores of a query hold NaN or positive infinity
    /// (<paramref name="scores"/>); a given key does not exist or has no chance (<paramref name="choices"/>). Nothing was written.
    /// </exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> value, in TMask mask, KeyChoice choice, Span<int> choices,
        in TensorSpan<float> output, in TensorSpan<float> logProbability = default, in TensorSpan<float> entropy = default,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        GivenScores given = GivenScoresCheck.Scores(scores, nameof(scores), options);
        ChosenResults results = Results(given, scores, value, output);
        results.LogProbability = GivenScoresCheck.OneARow(given, logProbability, nameof(logProbability));
        results.Entropy = GivenScoresCheck.OneARow(given, entropy, nameof(entropy));
        GivenScoresCheck.Mask(given, mask);
        GivenScoresCheck.ChoiceCount(choices.Length, given.Rows, nameof(choices));
        if (choice.IsGiven)
        {
            GivenScoresCheck.Choices(choices, given.Rows, given.KeyLength, nameof(choices));
        }

        Disjoint(output, nameof(output), scores, value);
        Disjoint(logProbability, nameof(logProbability), scores, value);
        Disjoint(entropy, nameof(entropy), scores, value);
        Guard.Disjoint(logProbability, nameof(logProbability), output, nameof(output));
        Guard.Disjoint(entropy, nameof(entropy), output, nameof(output));
        Guard.Disjoint(entropy, nameof(entropy), logProbability, nameof(logProbability));
        int rows = checked((int)given.Rows);
        using Scratch.Rental memory = Scratch.Rent(3 * (nint)rows);
        fixed (float* scoresAddress = scores, valueAddress = value, outputAddress = output)
        fixed (float* logProbabilityAddress = logProbability, entropyAddress = entropy)
        fixed (int* choicesAddress = choices)
        {
            given.Scores.Address = scoresAddress;
            ChoiceProblem problem = new()
            {
                Given = given,
                IsGiven = choice.IsGiven,
                IsSampled = choice.IsSampled,
                Seed = choice.Seed,
                Choices = (int*)memory.Memory,
                LogProbabilities = memory.Memory + rows,
                Entropies = memory.Memory + 2 * (nint)rows,
            };
            if (choice.IsGiven)
            {
                choices.CopyTo(new Span<int>(problem.Choices, rows));
            }

            ChoicePass.Choose(problem, mask, options);
            RequireKeys(problem, rows);
            results.Choices = choicesAddress;
            results.Value.Address = valueAddress;
            results.Output.Address = outputAddress;
            results.LogProbability.Address = logProbabilityAddress;
            results.Entropy.Address = entropyAddress;
            ChoicePass.HandOut(problem, results, options);
        }
    }

    private static ChosenResults Results(
        in GivenScores given, in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> value, in ReadOnlyTensorSpan<float> output)
    {
        if (output.Rank == 0)
        {
            return new ChosenResults { KeyValueHeads = 1 };
        }

        Guard.Layout(value, 4, nameof(value), "[batch, keyValueHeads, keyLength, valueSize]");
        Values(given.Batch, given.Heads, value, nameof(value));
        if (value.Lengths[2] != given.KeyLength)
        {
            Throw.Argument(
                nameof(value), $"'value' has shape {Guard.Text(value.Lengths)}; expected {given.KeyLength} keys as 'scores' of shape {Guard.Text(scores.Lengths)} have.");
        }

        Guard.Shape(output, [given.Batch, given.Heads, given.QueryLength, value.Lengths[3]], nameof(output), "[batch, heads, queryLength, valueSize]");
        return new ChosenResults
        {
            KeyValueHeads = Math.Max(1, (int)value.Lengths[1]),
            ValueSize = (int)value.Lengths[3],
            Value = AttentionCheck.Describe(value),
            Output = AttentionCheck.Describe(output),
        };
    }

    /// <summary>The batch and the heads of values.</summary>
    private static void Values(nint batch, nint heads, in ReadOnlyTensorSpan<float> value, string parameter)
    {
        nint keyValueHeads = value.Lengths[1];
        if (value.Lengths[0] != batch || (keyValueHeads == 0 ? heads != 0 : heads == 0 || heads % keyValueHeads != 0))
        {
            Throw.Argument(
                parameter,
                $"'{parameter}' has shape {Guard.Text(value.Lengths)}; expected batch {batch} and a number of heads that divides {heads}.");
        }
    }

    private static void Disjoint(
        in ReadOnlyTensorSpan<float> written, string name, in ReadOnlyTensorSpan<float> scores, in ReadOnlyTensorSpan<float> value)
    {
        Guard.Disjoint(written, name, scores, nameof(scores));
        Guard.Disjoint(written, name, value, nameof(value));
    }

    [StackTraceHidden]
    private static void RequireKeys(in ChoiceProblem problem, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            int choice = problem.Choices[row];
            if (choice < 0)
            {
                (int batch, int head, int query) = problem.Given.Row(row);
                string where = $"query {query} (batch {batch}, head {head})";
                switch (choice)
                {
                    case ChoiceProblem.NoKey:
                        Throw.Argument("mask", $"'mask' and 'scores' leave {where} no key that could be chosen; hard attention needs one.");
                        break;
                    case ChoiceProblem.NoSoftmax:
                        Throw.Argument("scores", $"'scores' of {where} hold NaN or positive infinity; no key can be chosen.");
                        break;
                    default:
                        Throw.Argument("choices", $"'choices' names a key for {where} that is hidden or has a score of negative infinity.");
                        break;
                }
            }
        }
    }
}
