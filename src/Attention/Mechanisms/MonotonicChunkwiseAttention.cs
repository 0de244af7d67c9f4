using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Monotonic chunkwise attention, MoChA (Chiu and Raffel 2018, "Monotonic Chunkwise Attention", equations 14 to 17): where the scan
/// of <see cref="MonotonicAttention"/> stops, softmax attends to the chunk of w keys that ends there:
/// <c>weight_ij = sum_(k = j .. j+w-1) alignment_ik exp(u_ij) / sum_(l = k-w+1 .. k) exp(u_il)</c>.
/// </summary>
/// <remarks>
/// The alignment may be soft or hard. Chunks are cut at the first key; with w = 1 the weights are the alignment. Each chunk's
/// largest energy is subtracted before the exponentials. A hidden key takes no part in any chunk, whatever its energy, NaN included,
/// and an energy of negative infinity hides it as well. Rows are independent; the bits do not depend on the number of threads.
/// Nothing is allocated in the steady state. Scale and dropout of the options are not used.
/// </remarks>
public static unsafe class MonotonicChunkwiseAttention
{
    /// <summary>Computes the weights.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="alignment">Where the scan stops, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="chunkEnergies">The energies u within chunks, of the alignment's shape.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="chunkWidth">Keys of a chunk, w.</param>
    /// <param name="weights">Overwritten, of the alignment's shape; must not overlap an input.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, width or option is not as said, or <paramref name="weights"/> overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> alignment, in ReadOnlyTensorSpan<float> chunkEnergies, in TMask mask, int chunkWidth,
        in TensorSpan<float> weights, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        MonotonicProblem problem = Inputs(alignment, chunkEnergies, mask, chunkWidth, options);
        problem.Weights = AttentionCheck.Like(alignment, weights, nameof(weights), "the shape of 'alignment'");
        Guard.Disjoint(weights, nameof(weights), alignment, nameof(alignment));
        Guard.Disjoint(weights, nameof(weights), chunkEnergies, nameof(chunkEnergies));
        fixed (float* alignmentAddress = alignment, energyAddress = chunkEnergies, weightAddress = weights)
        {
            problem.Alignment.Address = alignmentAddress;
            problem.Energies.Address = energyAddress;
            problem.Weights.Address = weightAddress;
            MonotonicPass.Chunks(problem, mask, isBackward: false, options);
        }
    }

    /// <summary>Computes the gradients of alignment and chunk energies from that of the weights.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="alignment">Where the scan stops, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="chunkEnergies">The energies u within chunks, of the alignment's shape.</param>
    /// <param name="weightGradient">The gradient of the loss by the weights, of the alignment's shape.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="chunkWidth">Keys of a chunk, w.</param>
    /// <param name="alignmentGradient">Overwritten, of the alignment's shape; <c>default</c> if not wanted.</param>
    /// <param name="chunkEnergyGradient">Overwritten, of the alignment's shape; <c>default</c> if not wanted.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, width or option is not as said, or a result overlaps an input or the other result; nothing was written.</exception>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> alignment, in ReadOnlyTensorSpan<float> chunkEnergies, in ReadOnlyTensorSpan<float> weightGradient,
        in TMask mask, int chunkWidth, in TensorSpan<float> alignmentGradient, in TensorSpan<float> chunkEnergyGradient,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        MonotonicProblem problem = Inputs(alignment, chunkEnergies, mask, chunkWidth, options);
        problem.Gradient = AttentionCheck.Like(alignment, weightGradient, nameof(weightGradient), "the shape of 'alignment'");
        problem.AlignmentGradient = Gradient(alignment, alignmentGradient, nameof(alignmentGradient));
        problem.EnergyGradient = Gradient(alignment, chunkEnergyGradient, nameof(chunkEnergyGradient));
        Disjoint(alignmentGradient, nameof(alignmentGradient), alignment, chunkEnergies, weightGradient);
        Disjoint(chunkEnergyGradient, nameof(chunkEnergyGradient), alignment, chunkEnergies, weightGradient);
        Guard.Disjoint(chunkEnergyGradient, nameof(chunkEnergyGradient), alignmentGradient, nameof(alignmentGradient));
        fixed (float* alignmentAddress = alignment, energyAddress = chunkEnergies, gradientAddress = weightGradient)
        fixed (float* alignmentGradientAddress = alignmentGradient, energyGradientAddress = chunkEnergyGradient)
        {
            problem.Alignment.Address = alignmentAddress;
            problem.Energies.Address = energyAddress;
            problem.Gradient.Address = gradientAddress;
            problem.AlignmentGradient.Address = alignmentGradientAddress;
            problem.EnergyGradient.Address = energyGradientAddress;
            MonotonicPass.Chunks(problem, mask, isBackward: true, options);
        }
    }

    private static MonotonicProblem Inputs<TMask>(
        in ReadOnlyTensorSpan<float> alignment, in ReadOnlyTensorSpan<float> chunkEnergies, in TMask mask, int chunkWidth,
        in AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        MonotonicProblem problem = MonotonicCheck.Problem(alignment, nameof(alignment), mask, options);
        problem.ChunkWidth = MonotonicCheck.Width(chunkWidth, nameof(chunkWidth), problem.KeyLength);
        problem.Alignment = AttentionCheck.Describe(alignment);
        problem.Energies = AttentionCheck.Like(alignment, chunkEnergies, nameof(chunkEnergies), "the shape of 'alignment'");
        return problem;
    }

    private static Operand Gradient(in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string name) =>
        gradient.Rank == 0 ? default : AttentionCheck.Like(tensor, gradient, name, "the shape of 'alignment'");

    private static void Disjoint(
        in ReadOnlyTensorSpan<float> written, string name, in ReadOnlyTensorSpan<float> alignment, in ReadOnlyTensorSpan<float> chunkEnergies,
        in ReadOnlyTensorSpan<float> weightGradient)
    {
        Guard.Disjoint(written, name, alignment, nameof(alignment));
        Guard.Disjoint(written, name, chunkEnergies, nameof(chunkEnergies));
        Guard.Disjoint(written, name, weightGradient, nameof(weightGradient));
    }
}
