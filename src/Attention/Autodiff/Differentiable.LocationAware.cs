using Attention.Backends;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Location-aware attention over all steps of a call; see <see cref="Mechanisms.LocationAwareAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyLength, hiddenSize]</c>.</param>
    /// <param name="value"><c>[batch, keyLength, valueSize]</c>.</param>
    /// <param name="scoreVector"><c>[hiddenSize]</c>.</param>
    /// <param name="projection"><c>[hiddenSize, filters]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="filters"><c>[filters, width]</c>; null for the alignment itself as the one feature.</param>
    /// <param name="scoreBias"><c>[1]</c>; null for none.</param>
    /// <param name="initialAlignment">What the first step has before it, <c>[batch, keyLength]</c>; null for zeros.</param>
    /// <param name="options">What features come from, normaliser, window, threads.</param>
    /// <returns>
    /// The contexts, <c>[batch, queryLength, valueSize]</c>, and the alignments, <c>[batch, queryLength, keyLength]</c>; the caller
    /// disposes both.
    /// </returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static (Variable Context, Variable Alignments) LocationAwareAttention<TMask>(
        Variable query, Variable key, Variable value, Variable scoreVector, Variable projection, in TMask mask, Variable? filters = null,
        Variable? scoreBias = null, Variable? initialAlignment = null, LocationAwareOptions options = default)
        where TMask : struct, IAttentionMask
    {
        CheckSequences(query, nameof(query));
        CheckSequences(key, nameof(key));
        CheckSequences(value, nameof(value));
        ArgumentNullException.ThrowIfNull(scoreVector);
        ArgumentNullException.ThrowIfNull(projection);
        Variable?[] inputs = [query, key, value, scoreVector, projection, filters, scoreBias, initialAlignment];
        Tape? tape = Tape.Of(inputs);
        ReadOnlySpan<nint> lengths = query.Data.Lengths;
        nint valueSize = value.Data.Lengths[2];
        nint keyLength = key.Data.Lengths[1];

        // Both results are parts of one tensor, so that one record gets the gradients of both.
        DeviceTensor joined = DeviceTensor.Allocate(query.Data.Backend, lengths[0], lengths[1], valueSize + keyLength);
        try
        {
            using DeviceTensor context = joined.Slice(2, 0, valueSize);
            using DeviceTensor alignments = joined.Slice(2, valueSize, keyLength);
            joined.Backend.Run(new LocationAwareForward<TMask>
            {
                Inputs = LocationTensors(Array.ConvertAll(inputs, static input => input?.Data)),
                Mask = mask,
                Context = context,
                Alignments = alignments,
                Options = options,
            });
        }
        catch
        {
            joined.Dispose();
            throw;
        }

        using Variable both = Records(tape, inputs) ? RecordLocationAware(tape!, joined, inputs, valueSize, mask, options) : Plain(joined, tape, inputs);
        Variable[] parts = both.Split(2, valueSize, keyLength);
        return (parts[0], parts[1]);
    }

    /// <summary>The coverage loss of each step; see <see cref="Mechanisms.CoverageLoss"/>.</summary>
    /// <param name="alignments"><c>[batch, queryLength, keyLength]</c>.</param>
    /// <param name="initialCoverage">What was covered before, <c>[batch, keyLength]</c>; null for nothing.</param>
    /// <returns><c>[batch, queryLength]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable CoverageLoss(Variable alignments, Variable? initialCoverage = null)
    {
        CheckSequences(alignments, nameof(alignments));
        Tape? tape = Tape.Of(alignments, initialCoverage);
        DeviceTensor losses = DeviceTensor.Allocate(alignments.Data.Backend, alignments.Data.Lengths[..2]);
        losses.Backend.Run(new CoverageLossForward { Alignments = alignments.Data, InitialCoverage = initialCoverage?.Data, Losses = losses });
        if (!Records(tape, alignments, initialCoverage))
        {
            return Plain(losses, tape, alignments, initialCoverage);
        }

        DeviceTensor kept = alignments.Data.Share();
        DeviceTensor? keptCoverage = initialCoverage?.Data.Share();
        return Recorded(
            tape!, losses, [alignments, initialCoverage],
            (gradient, results) =>
            {
                // The pass back needs room for the alignments' gradient even where only that of the coverage is wanted.
                using DeviceTensor? room = results[0] is null ? DeviceTensor.Allocate(gradient.Backend, kept.Lengths) : null;
                gradient.Backend.Run(new CoverageLossBackward
                {
                    Alignments = kept,
                    InitialCoverage = keptCoverage,
                    LossGradients = gradient,
                    AlignmentGradient = results[0] ?? room!,
                    InitialCoverageGradient = results[1],
                });
            },
            kept, keptCoverage);
    }

    private static Variable RecordLocationAware<TMask>(
        Tape tape, DeviceTensor joined, Variable?[] inputs, nint valueSize, TMask mask, LocationAwareOptions options)
        where TMask : struct, IAttentionMask
    {
        DeviceTensor?[] kept = Array.ConvertAll(inputs, static input => input?.Data.Share());
        nint keyLength = joined.Lengths[2] - valueSize;
        DeviceTensor alignments = joined.Slice(2, valueSize, keyLength);
        return Recorded(
            tape, joined, inputs,
            (gradient, results) =>
            {
                using DeviceTensor contextGradient = gradient.Slice(2, 0, valueSize);
                using DeviceTensor alignmentGradient = gradient.Slice(2, valueSize, keyLength);
                gradient.Backend.Run(new LocationAwareBackward<TMask>
                {
                    Inputs = LocationTensors(kept),
                    Mask = mask,
                    Alignments = alignments,
                    ContextGradient = contextGradient,
                    AlignmentGradient = alignmentGradient,
                    Gradients = LocationTensors(results),
                    Options = options,
                });
            },
            [.. kept, alignments]);
    }

    private static LocationAwareTensors LocationTensors(DeviceTensor?[] tensors) => new()
    {
        Query = tensors[0],
        Key = tensors[1],
        Value = tensors[2],
        ScoreVector = tensors[3],
        Projection = tensors[4],
        Filters = tensors[5],
        ScoreBias = tensors[6],
        InitialAlignment = tensors[7],
    };

    private static void CheckSequences(Variable variable, string name)
    {
        ArgumentNullException.ThrowIfNull(variable, name);
        if (variable.Data.Rank != 3)
        {
            throw new ArgumentException(
                $"'{name}' has shape {Shapes.Text(variable.Data.Lengths)}; expected [batch, length, size].", name);
        }
    }
}
