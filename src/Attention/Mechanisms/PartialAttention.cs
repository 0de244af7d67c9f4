using System.Numerics.Tensors;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Attention over parts of the keys, put together: each part is an output with its log-sum-exp, and the whole is their mean
/// weighted by <c>exp(logSumExp)</c>. Merging is associative and commutative up to rounding, and a part that attended to
/// nothing (output 0, log-sum-exp -inf) changes nothing.
/// </summary>
public static unsafe class PartialAttention
{
    private const string OutputShape = "[batch, heads, queryLength, valueSize]";
    private const string LogSumExpShape = "[batch, heads, queryLength]";

    /// <summary>
    /// Computes <c>logSumExp = log(exp(firstLogSumExp) + exp(secondLogSumExp))</c> and
    /// <c>output = sum over parts of exp(partLogSumExp - logSumExp) partOutput</c>.
    /// </summary>
    /// <param name="firstOutput">Output of the first part, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="firstLogSumExp">Log-sum-exp of the first part, <c>[batch, heads, queryLength]</c>.</param>
    /// <param name="secondOutput">Output of the second part, of the same shape.</param>
    /// <param name="secondLogSumExp">Log-sum-exp of the second part, of the same shape.</param>
    /// <param name="output">Overwritten; may be the very tensor of a part, but not a shifted view of one.</param>
    /// <param name="logSumExp">Overwritten; may be the very tensor of a part's log-sum-exp.</param>
    /// <exception cref="ArgumentException">A shape or stride is not as said, or tensors overlap otherwise; nothing was written.</exception>
    /// <remarks>A part of weight zero does not reach the output, even if it is NaN. Two empty parts make an empty one.</remarks>
    public static void Merge(
        in ReadOnlyTensorSpan<float> firstOutput, in ReadOnlyTensorSpan<float> firstLogSumExp,
        in ReadOnlyTensorSpan<float> secondOutput, in ReadOnlyTensorSpan<float> secondLogSumExp,
        in TensorSpan<float> output, in TensorSpan<float> logSumExp)
    {
        Guard.Layout(firstOutput, 4, nameof(firstOutput), OutputShape);
        Operand first = Output(firstOutput, firstOutput, nameof(firstOutput));
        Operand firstSum = LogSumExp(firstOutput, firstLogSumExp, nameof(firstLogSumExp));
        Operand second = Output(firstOutput, secondOutput, nameof(secondOutput));
        Operand secondSum = LogSumExp(firstOutput, secondLogSumExp, nameof(secondLogSumExp));
        Operand merged = Output(firstOutput, output, nameof(output));
        Operand mergedSum = LogSumExp(firstOutput, logSumExp, nameof(logSumExp));
        SameOrDisjoint(output, nameof(output), firstOutput, nameof(firstOutput));
        SameOrDisjoint(output, nameof(output), secondOutput, nameof(secondOutput));
        SameOrDisjoint(logSumExp, nameof(logSumExp), firstLogSumExp, nameof(firstLogSumExp));
        SameOrDisjoint(logSumExp, nameof(logSumExp), secondLogSumExp, nameof(secondLogSumExp));
        Guard.Disjoint(output, nameof(output), firstLogSumExp, nameof(firstLogSumExp));
        Guard.Disjoint(output, nameof(output), secondLogSumExp, nameof(secondLogSumExp));
        Guard.Disjoint(logSumExp, nameof(logSumExp), firstOutput, nameof(firstOutput));
        Guard.Disjoint(logSumExp, nameof(logSumExp), secondOutput, nameof(secondOutput));
        Guard.Disjoint(logSumExp, nameof(logSumExp), output, nameof(output));

        ReadOnlySpan<nint> lengths = firstOutput.Lengths;
        int size = (int)lengths[3];
        fixed (float* firstAddress = firstOutput, firstSumAddress = firstLogSumExp, secondAddress = secondOutput)
        fixed (float* secondSumAddress = secondLogSumExp, mergedAddress = output, mergedSumAddress = logSumExp)
        {
            first.Address = firstAddress;
            firstSum.Address = firstSumAddress;
            second.Address = secondAddress;
            secondSum.Address = secondSumAddress;
            merged.Address = mergedAddress;
            mergedSum.Address = mergedSumAddress;
            for (Rows rows = new(lengths); rows.Next();)
            {
                float a = *rows.Of(firstSum);
                float b = *rows.Of(secondSum);
                (float firstWeight, float secondWeight, float whole) = Weights(a, b);
                MergeRow.WeightedSum(rows.Of(first), firstWeight, rows.Of(second), secondWeight, rows.Of(merged), size);
                *rows.Of(mergedSum) = whole;
            }
        }
    }

    /// <summary>Computes the gradients of the parts that <see cref="Merge"/> put together.</summary>
    /// <param name="firstOutput">Output of the first part, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="firstLogSumExp">Log-sum-exp of the first part, <c>[batch, heads, queryLength]</c>.</param>
    /// <param name="secondOutput">Output of the second part.</param>
    /// <param name="secondLogSumExp">Log-sum-exp of the second part.</param>
    /// <param name="outputGradient">The gradient of the loss by the merged output.</param>
    /// <param name="logSumExpGradient">The gradient of the loss by the merged log-sum-exp; <c>default</c> for none.</param>
    /// <param name="firstOutputGradient">Overwritten.</param>
    /// <param name="firstLogSumExpGradient">Overwritten.</param>
    /// <param name="secondOutputGradient">Overwritten.</param>
    /// <param name="secondLogSumExpGradient">Overwritten.</param>
    /// <exception cref="ArgumentException">A shape or stride is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// With <c>w = exp(partLogSumExp - logSumExp)</c>: <c>dPartOutput = w dOutput</c> and
    /// <c>dPartLogSumExp = w (dOutput . (partOutput - output) + dLogSumExp)</c>; both are zero for an empty part.
    /// </remarks>
    public static void MergeBackward(
        in ReadOnlyTensorSpan<float> firstOutput, in ReadOnlyTensorSpan<float> firstLogSumExp,
        in ReadOnlyTensorSpan<float> secondOutput, in ReadOnlyTensorSpan<float> secondLogSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient,
        in TensorSpan<float> firstOutputGradient, in TensorSpan<float> firstLogSumExpGradient,
        in TensorSpan<float> secondOutputGradient, in TensorSpan<float> secondLogSumExpGradient)
    {
        Guard.Layout(firstOutput, 4, nameof(firstOutput), OutputShape);
        Operand first = Output(firstOutput, firstOutput, nameof(firstOutput));
        Operand firstSum = LogSumExp(firstOutput, firstLogSumExp, nameof(firstLogSumExp));
        Operand second = Output(firstOutput, secondOutput, nameof(secondOutput));
        Operand secondSum = LogSumExp(firstOutput, secondLogSumExp, nameof(secondLogSumExp));
        Operand gradient = Output(firstOutput, outputGradient, nameof(outputGradient));
        Operand sumGradient = logSumExpGradient.Rank == 0 ? default : LogSumExp(firstOutput, logSumExpGradient, nameof(logSumExpGradient));
        Operand firstGradient = Output(firstOutput, firstOutputGradient, nameof(firstOutputGradient));
        Operand firstSumGradient = LogSumExp(firstOutput, firstLogSumExpGradient, nameof(firstLogSumExpGradient));
        Operand secondGradient = Output(firstOutput, secondOutputGradient, nameof(secondOutputGradient));
        Operand secondSumGradient = LogSumExp(firstOutput, secondLogSumExpGradient, nameof(secondLogSumExpGradient));
        BackwardOverlap.CheckMerge(
            firstOutputGradient, firstLogSumExpGradient, secondOutputGradient, secondLogSumExpGradient,
            firstOutput, firstLogSumExp, secondOutput, secondLogSumExp, outputGradient, logSumExpGradient);

        ReadOnlySpan<nint> lengths = firstOutput.Lengths;
        int size = (int)lengths[3];
        fixed (float* firstAddress = firstOutput, firstSumAddress = firstLogSumExp, secondAddress = secondOutput)
        fixed (float* secondSumAddress = secondLogSumExp, gradientAddress = outputGradient, sumGradientAddress = logSumExpGradient)
        fixed (float* firstGradientAddress = firstOutputGradient, firstSumGradientAddress = firstLogSumExpGradient)
        fixed (float* secondGradientAddress = secondOutputGradient, secondSumGradientAddress = secondLogSumExpGradient)
        {
            first.Address = firstAddress;
            firstSum.Address = firstSumAddress;
            second.Address = secondAddress;
            secondSum.Address = secondSumAddress;
            gradient.Address = gradientAddress;
            sumGradient.Address = sumGradientAddress;
            firstGradient.Address = firstGradientAddress;
            firstSumGradient.Address = firstSumGradientAddress;
            secondGradient.Address = secondGradientAddress;
            secondSumGradient.Address = secondSumGradientAddress;
            for (Rows rows = new(lengths); rows.Next();)
            {
                float a = *rows.Of(firstSum);
                float b = *rows.Of(secondSum);
                (float firstWeight, float secondWeight, _) = Weights(a, b);
                float* arriving = rows.Of(gradient);
                float throughSum = sumGradient.IsPresent ? *rows.Of(sumGradient) : 0;

                // dO . (part - whole) = the other part's weight times dO . (part - other).
                float difference = MergeRow.DotOfDifference(arriving, rows.Of(first), rows.Of(second), size);
                *rows.Of(firstSumGradient) = firstWeight == 0 ? 0
                    : firstWeight * ((secondWeight == 0 ? 0 : secondWeight * difference) + throughSum);
                *rows.Of(secondSumGradient) = secondWeight == 0 ? 0
                    : secondWeight * ((firstWeight == 0 ? 0 : -firstWeight * difference) + throughSum);
                MergeRow.Scaled(arriving, firstWeight, rows.Of(firstGradient), size);
                MergeRow.Scaled(arriving, secondWeight, rows.Of(secondGradient), size);
            }
        }
    }

    /// <summary>The weights of the parts, which sum to one however large the logarithms are, and the logarithm of the whole.</summary>
    private static (float First, float Second, float Whole) Weights(float first, float second)
    {
        float larger = first > second || float.IsNaN(first) ? first : second;
        if (larger == float.NegativeInfinity)
        {
            return (0, 0, larger);
        }

        float a = MathF.Exp(first - larger);
        float b = MathF.Exp(second - larger);
        return (a / (a + b), b / (a + b), larger + MathF.Log(a + b));
    }

    private static Operand Output(in ReadOnlyTensorSpan<float> like, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        Guard.Shape(tensor, like.Lengths, parameter, OutputShape);
        return AttentionCheck.Describe(tensor);
    }

    private static Operand LogSumExp(in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        if (tensor.Rank != 3 || !tensor.Lengths.SequenceEqual(output.Lengths[..3]))
        {
            Throw.Argument(
                parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected {Guard.Text(output.Lengths[..3])} ({LogSumExpShape}).");
        }

        return AttentionCheck.Describe(tensor);
    }

    private static void SameOrDisjoint(
        in ReadOnlyTensorSpan<float> written, string name, in ReadOnlyTensorSpan<float> other, string otherName)
    {
        if (!Overlap.IsSame(written, other))
        {
            Guard.Disjoint(written, name, other, otherName);
        }
    }

    /// <summary>Walks over the rows of [batch, heads, queryLength, ...].</summary>
    private ref struct Rows(ReadOnlySpan<nint> lengths)
    {
        private readonly ReadOnlySpan<nint> _lengths = lengths;
        private int _batch;
        private int _head;
        private int _row = -1;

        internal bool Next()
        {
            if (++_row >= _lengths[2])
            {
                _row = 0;
                if (++_head >= _lengths[1])
                {
                    _head = 0;
                    _batch++;
                }
            }

            return _batch < _lengths[0] && _head < _lengths[1] && _row < _lengths[2];
        }

        internal readonly float* Of(in Operand operand) => operand.At(_batch, _head, _row);
    }
}
