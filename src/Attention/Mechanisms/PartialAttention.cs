using System.Numerics.Tensors;
using Attention.Operators;
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
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    /// <exception cref="ArgumentException">A shape or stride is not as said, or tensors overlap otherwise; nothing was written.</exception>
    /// <remarks>A part of weight zero does not reach the output, even if it is NaN. Two empty parts make an empty one.</remarks>
    public static void Merge(
        in ReadOnlyTensorSpan<float> firstOutput, in ReadOnlyTensorSpan<float> firstLogSumExp,
        in ReadOnlyTensorSpan<float> secondOutput, in ReadOnlyTensorSpan<float> secondLogSumExp,
        in TensorSpan<float> output, in TensorSpan<float> logSumExp, int maxDegreeOfParallelism = 0)
    {
        MergeProblem problem = Problem(firstOutput, maxDegreeOfParallelism);
        problem.First = Output(firstOutput, firstOutput, nameof(firstOutput));
        problem.FirstLogSumExp = LogSumExp(firstOutput, firstLogSumExp, nameof(firstLogSumExp));
        problem.Second = Output(firstOutput, secondOutput, nameof(secondOutput));
        problem.SecondLogSumExp = LogSumExp(firstOutput, secondLogSumExp, nameof(secondLogSumExp));
        problem.Output = Output(firstOutput, output, nameof(output));
        problem.LogSumExp = LogSumExp(firstOutput, logSumExp, nameof(logSumExp));
        SameOrDisjoint(output, nameof(output), firstOutput, nameof(firstOutput));
        SameOrDisjoint(output, nameof(output), secondOutput, nameof(secondOutput));
        SameOrDisjoint(logSumExp, nameof(logSumExp), firstLogSumExp, nameof(firstLogSumExp));
        SameOrDisjoint(logSumExp, nameof(logSumExp), secondLogSumExp, nameof(secondLogSumExp));
        Guard.Disjoint(output, nameof(output), firstLogSumExp, nameof(firstLogSumExp));
        Guard.Disjoint(output, nameof(output), secondLogSumExp, nameof(secondLogSumExp));
        Guard.Disjoint(logSumExp, nameof(logSumExp), firstOutput, nameof(firstOutput));
        Guard.Disjoint(logSumExp, nameof(logSumExp), secondOutput, nameof(secondOutput));
        Guard.Disjoint(logSumExp, nameof(logSumExp), output, nameof(output));

        fixed (float* firstAddress = firstOutput, firstSumAddress = firstLogSumExp, secondAddress = secondOutput)
        fixed (float* secondSumAddress = secondLogSumExp, mergedAddress = output, mergedSumAddress = logSumExp)
        {
            problem.First.Address = firstAddress;
            problem.FirstLogSumExp.Address = firstSumAddress;
            problem.Second.Address = secondAddress;
            problem.SecondLogSumExp.Address = secondSumAddress;
            problem.Output.Address = mergedAddress;
            problem.LogSumExp.Address = mergedSumAddress;
            MergePieces.Run(problem, isBackward: false, maxDegreeOfParallelism);
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
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
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
        in TensorSpan<float> secondOutputGradient, in TensorSpan<float> secondLogSumExpGradient,
        int maxDegreeOfParallelism = 0)
    {
        MergeProblem problem = Problem(firstOutput, maxDegreeOfParallelism);
        problem.First = Output(firstOutput, firstOutput, nameof(firstOutput));
        problem.FirstLogSumExp = LogSumExp(firstOutput, firstLogSumExp, nameof(firstLogSumExp));
        problem.Second = Output(firstOutput, secondOutput, nameof(secondOutput));
        problem.SecondLogSumExp = LogSumExp(firstOutput, secondLogSumExp, nameof(secondLogSumExp));
        problem.OutputGradient = Output(firstOutput, outputGradient, nameof(outputGradient));
        problem.LogSumExpGradient = logSumExpGradient.Rank == 0 ? default : LogSumExp(firstOutput, logSumExpGradient, nameof(logSumExpGradient));
        problem.FirstGradient = Output(firstOutput, firstOutputGradient, nameof(firstOutputGradient));
        problem.FirstLogSumExpGradient = LogSumExp(firstOutput, firstLogSumExpGradient, nameof(firstLogSumExpGradient));
        problem.SecondGradient = Output(firstOutput, secondOutputGradient, nameof(secondOutputGradient));
        problem.SecondLogSumExpGradient = LogSumExp(firstOutput, secondLogSumExpGradient, nameof(secondLogSumExpGradient));
        BackwardOverlap.CheckMerge(
            firstOutputGradient, firstLogSumExpGradient, secondOutputGradient, secondLogSumExpGradient,
            firstOutput, firstLogSumExp, secondOutput, secondLogSumExp, outputGradient, logSumExpGradient);

        fixed (float* firstAddress = firstOutput, firstSumAddress = firstLogSumExp, secondAddress = secondOutput)
        fixed (float* secondSumAddress = secondLogSumExp, gradientAddress = outputGradient, sumGradientAddress = logSumExpGradient)
        fixed (float* firstGradientAddress = firstOutputGradient, firstSumGradientAddress = firstLogSumExpGradient)
        fixed (float* secondGradientAddress = secondOutputGradient, secondSumGradientAddress = secondLogSumExpGradient)
        {
            problem.First.Address = firstAddress;
            problem.FirstLogSumExp.Address = firstSumAddress;
            problem.Second.Address = secondAddress;
            problem.SecondLogSumExp.Address = secondSumAddress;
            problem.OutputGradient.Address = gradientAddress;
            problem.LogSumExpGradient.Address = sumGradientAddress;
            problem.FirstGradient.Address = firstGradientAddress;
            problem.FirstLogSumExpGradient.Address = firstSumGradientAddress;
            problem.SecondGradient.Address = secondGradientAddress;
            problem.SecondLogSumExpGradient.Address = secondSumGradientAddress;
            MergePieces.Run(problem, isBackward: true, maxDegreeOfParallelism);
        }
    }

    private static MergeProblem Problem(in ReadOnlyTensorSpan<float> firstOutput, int maxDegreeOfParallelism)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        Guard.Layout(firstOutput, 4, nameof(firstOutput), OutputShape);
        ReadOnlySpan<nint> lengths = firstOutput.Lengths;
        return new MergeProblem { Batch = (int)lengths[0], Heads = (int)lengths[1], QueryLength = (int)lengths[2], Size = (int)lengths[3] };
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
}
