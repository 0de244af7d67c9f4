using System.Numerics.Tensors;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>The cross entropy of class scores against the right classes, and its gradient.</summary>
/// <remarks>
/// <para>
/// With p the softmax of a row, the loss is <c>-sum(q log(p))</c>, natural logarithm, where q is
/// <c>(1 - labelSmoothing) + labelSmoothing / classes</c> for the target and <c>labelSmoothing / classes</c> for every other
/// class (Szegedy et al., "Rethinking the Inception architecture", 2016, section 7). The gradient of the scores is <c>p - q</c>.
/// </para>
/// <para>
/// A row whose target is -1 is ignored: its loss and its gradient are 0, whatever its scores are. The maximum of a row is
/// subtracted first: nothing overflows. A row with NaN or positive infinity, or of negative infinities alone, gives NaN.
/// </para>
/// <para>
/// The bits depend on the number of classes and the vector width, and not on the other rows or the number of threads.
/// Nothing is allocated once the working memory has grown.
/// </para>
/// </remarks>
public static unsafe class CrossEntropy
{
    /// <summary>The target of a row that does not count.</summary>
    public const int Ignored = -1;

    /// <summary>Computes the loss of each row.</summary>
    /// <param name="logits">The scores, <c>[rows, classes]</c>, those of a row side by side.</param>
    /// <param name="targets">The right classes, <c>[rows]</c>, each in [0, classes) or <see cref="Ignored"/>.</param>
    /// <param name="losses">Receives the losses, <c>[rows]</c>.</param>
    /// <param name="labelSmoothing">The share, in [0, 1], that is spread over all classes, the target included.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A target is no class, <paramref name="labelSmoothing"/> no share, or <paramref name="maxDegreeOfParallelism"/> negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit; the last axis of the scores is not contiguous; or the losses overlap the scores.
    /// </exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> logits,
        ReadOnlySpan<int> targets,
        Span<float> losses,
        float labelSmoothing = 0,
        int maxDegreeOfParallelism = 0) =>
        Forward(logits, targets, losses, labelSmoothing, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>Computes <c>logitsGradient = lossGradients (p - q) + beta logitsGradient</c>, row by row.</summary>
    /// <param name="logits">As in <c>Forward</c>, <c>[rows, classes]</c>.</param>
    /// <param name="targets">As in <c>Forward</c>, <c>[rows]</c>.</param>
    /// <param name="lossGradients">The gradient of each row's loss, <c>[rows]</c>; those of ignored rows are not looked at.</param>
    /// <param name="logitsGradient">
    /// Receives the gradient of the scores, <c>[rows, classes]</c>. It may be <paramref name="logits"/> itself.
    /// </param>
    /// <param name="labelSmoothing">As in <c>Forward</c>.</param>
    /// <param name="beta">The factor on what <paramref name="logitsGradient"/> held; with zero it is not read.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A target is no class, <paramref name="labelSmoothing"/> no share, or <paramref name="maxDegreeOfParallelism"/> negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit; the last axis of a tensor is not contiguous; the elements of the gradient overlap each other; or
    /// it overlaps the loss gradients, or the scores without being the same.
    /// </exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> logits,
        ReadOnlySpan<int> targets,
        ReadOnlySpan<float> lossGradients,
        in TensorSpan<float> logitsGradient,
        float labelSmoothing = 0,
        float beta = 0,
        int maxDegreeOfParallelism = 0) =>
        Backward(logits, targets, lossGradients, logitsGradient, labelSmoothing, beta, maxDegreeOfParallelism, SimdWidth.Automatic);

    internal static void Forward(
        in ReadOnlyTensorSpan<float> logits,
        ReadOnlySpan<int> targets,
        Span<float> losses,
        float labelSmoothing,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        Check(logits, targets, labelSmoothing, maxDegreeOfParallelism);
        OperatorCheck.Length(losses.Length, logits.Lengths[0], mayBeAbsent: false, nameof(losses), "one for each row");
        OperatorCheck.Disjoint(losses, nameof(losses), logits, nameof(logits));
        fixed (float* logitsAddress = logits, lossAddress = losses)
        fixed (int* targetAddress = targets)
        {
            CrossEntropyProblem problem = Problem(logits, logitsAddress, targetAddress, labelSmoothing);
            problem.Losses = lossAddress;
            WidthJobs.Run(width, new CrossEntropyJob(problem, isBackward: false, WidthJobs.Threads(logits.FlattenedLength, maxDegreeOfParallelism)));
        }
    }

    internal static void Backward(
        in ReadOnlyTensorSpan<float> logits,
        ReadOnlySpan<int> targets,
        ReadOnlySpan<float> lossGradients,
        in TensorSpan<float> logitsGradient,
        float labelSmoothing,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        Check(logits, targets, labelSmoothing, maxDegreeOfParallelism);
        OperatorCheck.Length(lossGradients.Length, logits.Lengths[0], mayBeAbsent: false, nameof(lossGradients), "one for each row");
        Guard.Shape(logitsGradient, logits.Lengths, nameof(logitsGradient), "[rows, classes]");
        OperatorCheck.Written(logitsGradient, nameof(logitsGradient));
        OperatorCheck.SameOrDisjoint(logitsGradient, nameof(logitsGradient), logits, nameof(logits));
        OperatorCheck.Disjoint(logitsGradient, nameof(logitsGradient), lossGradients, nameof(lossGradients));
        fixed (float* logitsAddress = logits, gradientAddress = logitsGradient, lossAddress = lossGradients)
        fixed (int* targetAddress = targets)
        {
            CrossEntropyProblem problem = Problem(logits, logitsAddress, targetAddress, labelSmoothing);
            problem.Losses = lossAddress;
            problem.Gradient = gradientAddress;
            problem.GradientStride = logitsGradient.Strides[0];
            problem.Beta = beta;
            WidthJobs.Run(width, new CrossEntropyJob(problem, isBackward: true, WidthJobs.Threads(logits.FlattenedLength, maxDegreeOfParallelism)));
        }
    }

    private static CrossEntropyProblem Problem(
        in ReadOnlyTensorSpan<float> logits, float* address, int* targets, float labelSmoothing) => new()
        {
            Logits = address,
            LogitsStride = logits.Strides[0],
            Targets = targets,
            Rows = logits.Lengths[0],
            Classes = logits.Lengths[1],
            TargetShare = 1f - labelSmoothing,
            ClassShare = labelSmoothing / logits.Lengths[1],
        };

    private static void Check(in ReadOnlyTensorSpan<float> logits, ReadOnlySpan<int> targets, float labelSmoothing, int maxDegreeOfParallelism)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Fraction(labelSmoothing, oneIsAllowed: true, nameof(labelSmoothing));
        Guard.Layout(logits, 2, nameof(logits), "[rows, classes]");
        OperatorCheck.Length(targets.Length, logits.Lengths[0], mayBeAbsent: false, nameof(targets), "one for each row");
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] < Ignored || targets[i] >= logits.Lengths[1])
            {
                Throw.OutOfRange(
                    nameof(targets), targets[i],
                    $"'{nameof(targets)}' has {targets[i]} at {i}; expected a class from 0 to {logits.Lengths[1] - 1}, or {Ignored} to ignore the row.");
            }
        }
    }
}
