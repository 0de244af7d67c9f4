using Attention.Backends;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>A linear layer: <c>output = input weight^T + bias</c>, over the last axis.</summary>
    /// <param name="input"><c>[..., inputSize]</c>.</param>
    /// <param name="weight"><c>[outputSize, inputSize]</c>.</param>
    /// <param name="bias"><c>[outputSize]</c>, or null.</param>
    /// <returns><c>[..., outputSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable Linear(Variable input, Variable weight, Variable? bias = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Data.Rank != 2 || input.Data.Rank == 0 || input.Data.Lengths[^1] != weight.Data.Lengths[1])
        {
            throw new ArgumentException(
                $"'{nameof(input)}' has shape {Shapes.Text(input.Data.Lengths)}; expected the last axis of a weight of shape {Shapes.Text(weight.Data.Lengths)}.", nameof(input));
        }

        Tape? tape = Tape.Of(input, weight, bias);
        nint[] lengths = [.. input.Data.Lengths[..^1], weight.Data.Lengths[0]];
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, lengths);
        using (DeviceTensor outputRows = output.Reshape(output.Count / Math.Max(lengths[^1], 1), lengths[^1]))
        using (DeviceTensor inputRows = Rows(input.Data))
        {
            input.Data.Backend.Linear(inputRows, weight.Data, bias?.Data, outputRows);
        }

        return Records(tape, input, weight, bias) ? RecordLinear(tape!, output, input, weight, bias) : Plain(output, tape, input, weight, bias);
    }

    /// <summary><c>left right</c> for every pair of matrices of a batch.</summary>
    /// <param name="left"><c>[..., rows, depth]</c>.</param>
    /// <param name="right"><c>[..., depth, columns]</c>; leading axes as those of <paramref name="left"/>, or none.</param>
    /// <returns><c>[..., rows, columns]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable MatrixMultiply(Variable left, Variable right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        DeviceTensor a = left.Data;
        DeviceTensor b = right.Data;
        if (a.Rank < 2 || b.Rank < 2 || a.Lengths[^1] != b.Lengths[^2] || (b.Rank > 2 && !b.Lengths[..^2].SequenceEqual(a.Lengths[..^2])))
        {
            throw new ArgumentException(
                $"'{nameof(right)}' has shape {Shapes.Text(b.Lengths)}, which does not fit {Shapes.Text(a.Lengths)}.", nameof(right));
        }

        Tape? tape = Tape.Of(left, right);
        DeviceTensor output = DeviceTensor.Allocate(a.Backend, [.. a.Lengths[..^1], b.Lengths[^1]]);
        a.Backend.MatrixMultiply(a, b, output);
        return Records(tape, left, right) ? RecordMatrixMultiply(tape!, output, left, right) : Plain(output, tape, left, right);
    }

    private static Variable RecordLinear(Tape tape, DeviceTensor output, Variable input, Variable weight, Variable? bias)
    {
        (GradientSlot? inputSlot, GradientSlot? weightSlot, GradientSlot? biasSlot) = (input.Slot, weight.Slot, bias?.Slot);
        DeviceTensor? keptInput = weightSlot is null ? null : Rows(input.Data);
        DeviceTensor? keptWeight = inputSlot is null ? null : weight.Data.Share();
        return Recorded(
            tape, output,
            gradient =>
            {
                IComputeBackend backend = gradient.Backend;
                using DeviceTensor rows = Rows(gradient);
                if (inputSlot is not null)
                {
                    DeviceTensor target = inputSlot.Target(out float beta);
                    Multiply(rows, keptWeight!, target, beta);
                }

                if (weightSlot is not null)
                {
                    using DeviceTensor transposed = rows.Transpose(0, 1);
                    DeviceTensor target = weightSlot.Target(out float beta);
                    backend.MatrixMultiply(transposed, keptInput!, target, 1, beta);
                }

                if (biasSlot is not null)
                {
                    DeviceTensor target = biasSlot.Target(out float beta);
                    backend.Sum(rows, target, 1, beta);
                }
            },
            keptInput, keptWeight);
    }

    /// <summary>rows weight into a target of any strides.</summary>
    private static void Multiply(DeviceTensor rows, DeviceTensor weight, DeviceTensor target, float beta)
    {
        nint size = weight.Lengths[1];
        if (target.CanReshape(rows.Lengths[0], size))
        {
            using DeviceTensor view = target.Reshape(rows.Lengths[0], size);
            rows.Backend.MatrixMultiply(rows, weight, view, 1, beta);
            return;
        }

        using DeviceTensor product = DeviceTensor.Allocate(rows.Backend, target.Lengths);
        using DeviceTensor productRows = product.Reshape(rows.Lengths[0], size);
        rows.Backend.MatrixMultiply(rows, weight, productRows);
        rows.Backend.Accumulate(product, target, 1, beta);
    }

    private static Variable RecordMatrixMultiply(Tape tape, DeviceTensor output, Variable left, Variable right)
    {
        (GradientSlot? leftSlot, GradientSlot? rightSlot) = (left.Slot, right.Slot);
        DeviceTensor a = left.Data.Share();
        DeviceTensor b = right.Data.Share();
        return Recorded(
            tape, output,
            gradient =>
            {
                IComputeBackend backend = gradient.Backend;
                if (leftSlot is not null)
                {
                    using DeviceTensor transposed = b.Transpose(-1, -2);
                    DeviceTensor target = leftSlot.Target(out float beta);
                    backend.MatrixMultiply(gradient, transposed, target, 1, beta);
                }

                if (rightSlot is not null)
                {
                    DeviceTensor target = rightSlot.Target(out float beta);
                    if (b.Rank == a.Rank)
                    {
                        using DeviceTensor transposed = a.Transpose(-1, -2);
                        backend.MatrixMultiply(transposed, gradient, target, 1, beta);
                    }
                    else
                    {
                        // One right factor for the whole batch: its gradient is one product over all rows.
                        using DeviceTensor rows = Rows(a);
                        using DeviceTensor transposed = rows.Transpose(0, 1);
                        using DeviceTensor gradientRows = Rows(gradient);
                        backend.MatrixMultiply(transposed, gradientRows, target, 1, beta);
                    }
                }
            },
            a, b);
    }
}
