using Attention.Backends;
using Attention.Operators;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Normalises every row of the last axis; see <see cref="Normalization"/>.</summary>
    /// <param name="kind">Layer or root-mean-square normalisation.</param>
    /// <param name="input"><c>[..., size]</c>.</param>
    /// <param name="weight"><c>[size]</c>, or null for ones.</param>
    /// <param name="bias"><c>[size]</c>, or null for zeros.</param>
    /// <param name="epsilon">Added to the variance or mean square.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable Normalize(NormalizationKind kind, Variable input, Variable? weight, Variable? bias, float epsilon = 1e-5f)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tape? tape = Tape.Of(input, weight, bias);
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, input.Data.Lengths);
        output.Backend.Normalize(kind, input.Data, weight?.Data, bias?.Data, epsilon, output);
        return Records(tape, input, weight, bias) ? RecordNormalize(tape!, output, kind, input, weight, bias, epsilon) : Plain(output, tape, input, weight, bias);
    }

    /// <summary>Takes rows of a table.</summary>
    /// <param name="table"><c>[count, size]</c>.</param>
    /// <param name="indices">Which rows.</param>
    /// <param name="lengths">The shape of the indices; their product is their count.</param>
    /// <param name="tape">The tape to record on; null for the table's, if it has one.</param>
    /// <returns><c>[lengths, size]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit, an index is out of range, or the table belongs to another tape.</exception>
    public static Variable Embed(Variable table, ReadOnlySpan<int> indices, ReadOnlySpan<nint> lengths, Tape? tape = null)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (Shapes.Count(lengths) != indices.Length)
        {
            throw new ArgumentException($"'{nameof(lengths)}' is {Shapes.Text(lengths)}; there are {indices.Length} indices.", nameof(lengths));
        }

        if (table.Data.Rank != 2)
        {
            throw new ArgumentException($"'{nameof(table)}' has shape {Shapes.Text(table.Data.Lengths)}; expected [count, size].", nameof(table));
        }

        if (tape is not null && table.Tape is not null && table.Tape != tape)
        {
            throw new ArgumentException($"'{nameof(table)}' belongs to another tape.", nameof(tape));
        }

        tape ??= table.Tape;
        tape?.CheckUse();
        using DeviceTensor rows = DeviceTensor.Allocate(table.Data.Backend, indices.Length, table.Data.Lengths[^1]);
        rows.Backend.Gather(table.Data, indices, rows);
        DeviceTensor output = rows.Reshape([.. lengths, table.Data.Lengths[^1]]);
        return tape is not null && table.Slot is not null
            ? RecordEmbed(tape, output, table.Slot, indices.ToArray())
            : Plain(output, tape, table);
    }

    /// <summary>
    /// The mean cross-entropy of the rows whose target is not -1, of shape <c>[1]</c>: minus the logarithm of the target's
    /// probability under softmax.
    /// </summary>
    /// <param name="logits"><c>[..., classes]</c>.</param>
    /// <param name="targets">A class for each row, or -1 for a row that does not count.</param>
    /// <param name="labelSmoothing">The share of the target that is spread evenly over all classes.</param>
    /// <exception cref="ArgumentException">The shapes do not fit, or a target is out of range.</exception>
    public static Variable CrossEntropy(Variable logits, ReadOnlySpan<int> targets, float labelSmoothing = 0)
    {
        ArgumentNullException.ThrowIfNull(logits);
        Tape? tape = Tape.Of(logits);
        IComputeBackend backend = logits.Data.Backend;
        float share = 1f / Math.Max(1, targets.Length - targets.Count(-1));
        DeviceTensor rows = Rows(logits.Data);
        using DeviceTensor losses = DeviceTensor.Allocate(backend, targets.Length);
        backend.CrossEntropy(rows, targets, labelSmoothing, losses);
        DeviceTensor output = DeviceTensor.Allocate(backend, 1);
        backend.Sum(losses, output, share);
        if (Records(tape, logits))
        {
            return RecordCrossEntropy(tape!, output, logits.Slot!, rows, targets.ToArray(), labelSmoothing, share);
        }

        rows.Dispose();
        return Plain(output, tape, logits);
    }

    private static Variable RecordNormalize(
        Tape tape, DeviceTensor output, NormalizationKind kind, Variable input, Variable? weight, Variable? bias, float epsilon)
    {
        (GradientSlot? inputSlot, GradientSlot? weightSlot, GradientSlot? biasSlot) = (input.Slot, weight?.Slot, bias?.Slot);
        DeviceTensor keptInput = input.Data.Share();
        DeviceTensor? keptWeight = weight?.Data.Share();
        return Recorded(
            tape, output,
            gradient =>
            {
                float beta = 0;
                float weightBeta = 0;
                float biasBeta = 0;
                DeviceTensor? inputTarget = inputSlot?.Target(out beta);
                DeviceTensor? weightTarget = weightSlot?.Target(out weightBeta);
                DeviceTensor? biasTarget = biasSlot?.Target(out biasBeta);
                if (weightTarget is not null && biasTarget is not null && weightBeta != biasBeta)
                {
                    // Somebody uses only one of the two elsewhere: the other starts from zero like it.
                    DeviceTensor fresh = weightBeta == 0 ? weightTarget : biasTarget;
                    fresh.Backend.Fill(fresh, 0);
                    weightBeta = 1;
                }

                gradient.Backend.NormalizeBackward(
                    kind, keptInput, keptWeight, epsilon, gradient, inputTarget, weightTarget, biasTarget, beta,
                    weightTarget is null ? biasBeta : weightBeta);
            },
            keptInput, keptWeight);
    }

    private static Variable RecordEmbed(Tape tape, DeviceTensor output, GradientSlot slot, int[] indices) =>
        Recorded(
            tape, output,
            gradient =>
            {
                using DeviceTensor rows = Rows(gradient);
                DeviceTensor target = slot.Target(out float beta);
                gradient.Backend.GatherBackward(indices, rows, target, beta);
            });

    private static Variable RecordCrossEntropy(
        Tape tape, DeviceTensor output, GradientSlot slot, DeviceTensor rows, int[] targets, float labelSmoothing, float share) =>
        Recorded(
            tape, output,
            gradient =>
            {
                IComputeBackend backend = gradient.Backend;
                using DeviceTensor lossGradients = DeviceTensor.Allocate(backend, targets.Length);
                backend.Accumulate(gradient, lossGradients, share);
                DeviceTensor target = slot.Target(out float beta);
                if (target.CanReshape(rows.Lengths))
                {
                    using DeviceTensor view = target.Reshape(rows.Lengths);
                    backend.CrossEntropyBackward(rows, targets, labelSmoothing, lossGradients, view, beta);
                    return;
                }

                using DeviceTensor contribution = DeviceTensor.Allocate(backend, target.Lengths);
                using DeviceTensor contributionRows = contribution.Reshape(rows.Lengths);
                backend.CrossEntropyBackward(rows, targets, labelSmoothing, lossGradients, contributionRows);
                backend.Accumulate(contribution, target, 1, beta);
            },
            rows);
}
