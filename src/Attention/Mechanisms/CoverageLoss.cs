using System.Numerics.Tensors;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// The coverage loss (See et al. 2017, "Get To The Point", equation 12), which a step pays for attending again to what was attended
/// to: <c>loss_t = sum_j min(a_tj, c_tj)</c>, with c_t the alignments before step t, and the initial coverage, summed up.
/// </summary>
/// <remarks>Nothing is hidden here: an alignment that a mask made 0 adds nothing. The bits depend on nothing but the row.</remarks>
public static class CoverageLoss
{
    /// <summary>Computes the loss of each step.</summary>
    /// <param name="alignments"><c>[batch, queryLength, keyLength]</c>, not negative.</param>
    /// <param name="initialCoverage">What was covered before, <c>[batch, keyLength]</c>; <c>default</c> for nothing.</param>
    /// <param name="losses">Overwritten, <c>[batch, queryLength]</c>; must not overlap an input.</param>
    /// <exception cref="ArgumentException">A shape or stride is not as said, or the result overlaps an input; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> alignments, in ReadOnlyTensorSpan<float> initialCoverage, in TensorSpan<float> losses)
    {
        Inputs(alignments, initialCoverage);
        Guard.Shape(losses, alignments.Lengths[..2], nameof(losses), "[batch, queryLength]");
        Guard.Disjoint(losses, nameof(losses), alignments, nameof(alignments));
        Guard.Disjoint(losses, nameof(losses), initialCoverage, nameof(initialCoverage));
        CoveragePass.Forward(alignments, initialCoverage, losses);
    }

    /// <summary>Computes the gradients of alignments and initial coverage.</summary>
    /// <param name="alignments">As in the forward pass.</param>
    /// <param name="initialCoverage">As in the forward pass.</param>
    /// <param name="lossGradients">The gradient of each step's loss, <c>[batch, queryLength]</c>.</param>
    /// <param name="alignmentGradient">Overwritten, of the alignments' shape; must not overlap an input.</param>
    /// <param name="initialCoverageGradient">Overwritten, <c>[batch, keyLength]</c>; <c>default</c> if not wanted.</param>
    /// <exception cref="ArgumentException">A shape or stride is not as said, or a result overlaps an input or the other result; nothing was written.</exception>
    /// <remarks>
    /// The smaller of alignment and coverage has the gradient, the alignment where they are equal; that of a coverage goes to all
    /// that is summed up in it.
    /// </remarks>
    public static void Backward(
        in ReadOnlyTensorSpan<float> alignments, in ReadOnlyTensorSpan<float> initialCoverage, in ReadOnlyTensorSpan<float> lossGradients,
        in TensorSpan<float> alignmentGradient, in TensorSpan<float> initialCoverageGradient = default)
    {
        Inputs(alignments, initialCoverage);
        Guard.Shape(lossGradients, alignments.Lengths[..2], nameof(lossGradients), "[batch, queryLength]");
        Guard.Shape(alignmentGradient, alignments.Lengths, nameof(alignmentGradient), "the shape of 'alignments'");
        if (initialCoverageGradient.Rank != 0)
        {
            Guard.Shape(
                initialCoverageGradient, [alignments.Lengths[0], alignments.Lengths[2]], nameof(initialCoverageGradient), "[batch, keyLength]");
        }

        CheckResult(alignments, initialCoverage, lossGradients, alignmentGradient, nameof(alignmentGradient));
        CheckResult(alignments, initialCoverage, lossGradients, initialCoverageGradient, nameof(initialCoverageGradient));
        Guard.Disjoint(initialCoverageGradient, nameof(initialCoverageGradient), alignmentGradient, nameof(alignmentGradient));
        CoveragePass.Backward(alignments, initialCoverage, lossGradients, alignmentGradient, initialCoverageGradient);
    }

    private static void Inputs(in ReadOnlyTensorSpan<float> alignments, in ReadOnlyTensorSpan<float> initialCoverage)
    {
        Guard.Layout(alignments, 3, nameof(alignments), "[batch, queryLength, keyLength]");
        if (initialCoverage.Rank != 0)
        {
            Guard.Shape(initialCoverage, [alignments.Lengths[0], alignments.Lengths[2]], nameof(initialCoverage), "[batch, keyLength]");
        }
    }

    private static void CheckResult(
        in ReadOnlyTensorSpan<float> alignments, in ReadOnlyTensorSpan<float> initialCoverage, in ReadOnlyTensorSpan<float> lossGradients,
        in ReadOnlyTensorSpan<float> result, string name)
    {
        Guard.Disjoint(result, name, alignments, nameof(alignments));
        Guard.Disjoint(result, name, initialCoverage, nameof(initialCoverage));
        Guard.Disjoint(result, name, lossGradients, nameof(lossGradients));
    }
}
