using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Monotonic attention (Raffel et al. 2017, "Online and Linear-Time Attention by Enforcing Monotonic Alignments"): each query scans
/// the keys from where the one before stopped, and stops at key j with the probability <c>p_ij = sigmoid(energy_ij)</c>.
/// </summary>
/// <remarks>
/// <para>
/// The soft alignment, for training, is the probability of each stop (equation 9):
/// <c>alignment_ij = p_ij sum_k alignment_(i-1)k prod_(l = k .. j-1) (1 - p_il)</c>, where the first query begins at key 0. Multiplied
/// with values it gives the expected context. Rows sum to at most 1; what is missing is the probability that the scan ran past
/// the last key, after which all later queries get nothing. Hard attention, for inference, stops where p is at least one half.
/// </para>
/// <para>
/// Stability: the sum is computed as the recursion
/// <c>reach_ij = (1 - p_i(j-1)) reach_i(j-1) + alignment_(i-1)j</c>, <c>alignment_ij = p_ij reach_ij</c>, and backward as its
/// reverse. It only multiplies by probabilities and adds what is not negative. The usual form divides by cumulative products,
/// which run to zero and must be clipped; here nothing is divided, so that nothing is clipped and no logarithm is needed. p and
/// 1 - p are each computed from the energy, so that neither loses digits where it is small, and the sums run in double.
/// </para>
/// <para>
/// A hidden key is passed over: p = 0, whatever its energy, NaN included. A row that may attend to nothing gives zeros, and so do
/// the rows after it. Heads are independent and are what threads divide; the bits do not depend on their number. Nothing is
/// allocated in the steady state. Scale and dropout of the options are not used.
/// </para>
/// </remarks>
public static unsafe class MonotonicAttention
{
    /// <summary>Computes the soft alignment of every head and query.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="energies">The energies, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="mask">At which keys a query may stop.</param>
    /// <param name="alignment">Overwritten, of the energies' shape; must not overlap them.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="alignment"/> overlaps the energies; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> energies, in TMask mask, in TensorSpan<float> alignment, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => Align(energies, mask, alignment, isHard: false, options);

    /// <summary>Computes the hard alignment of every head and query: 1 at the key where it stops, else 0.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="energies">The energies, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="mask">At which keys a query may stop.</param>
    /// <param name="alignment">Overwritten, of the energies' shape; must not overlap them.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="alignment"/> overlaps the energies; nothing was written.</exception>
    public static void ForwardHard<TMask>(
        in ReadOnlyTensorSpan<float> energies, in TMask mask, in TensorSpan<float> alignment, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask => Align(energies, mask, alignment, isHard: true, options);

    /// <summary>One step of hard attention: the first key from where the last query stopped at which p is at least one half.</summary>
    /// <param name="energies">The energies of the query for all keys, or for those that are there so far, <c>[keyLength]</c>.</param>
    /// <param name="position">Where the last query stopped; 0 for the first query.</param>
    /// <returns>The key, or <c>keyLength</c> if the scan runs past the last one: the context is then zero.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="position"/> is not in [0, keyLength].</exception>
    public static int Next(ReadOnlySpan<float> energies, int position)
    {
        if ((uint)position > (uint)energies.Length)
        {
            Throw.OutOfRange(nameof(position), position, $"'{nameof(position)}' is {position}; expected a key in [0, {energies.Length}].");
        }

        fixed (float* address = energies)
        {
            return MonotonicHead<Simd.SimdScalar, float, NoMask>.Stop(default, address, energies.Length, 0, 0, 0, position);
        }
    }

    /// <summary>Computes the gradient of the energies from that of the soft alignment.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="energies">The energies, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="alignment">What the forward pass gave, of the energies' shape.</param>
    /// <param name="alignmentGradient">The gradient of the loss by the alignment, of the energies' shape.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="energyGradient">Overwritten, of the energies' shape; must not overlap an input.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="energyGradient"/> overlaps an input; nothing was written.</exception>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> energies, in ReadOnlyTensorSpan<float> alignment, in ReadOnlyTensorSpan<float> alignmentGradient,
        in TMask mask, in TensorSpan<float> energyGradient, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        MonotonicProblem problem = MonotonicCheck.Problem(energies, nameof(energies), mask, options);
        problem.Energies = AttentionCheck.Describe(energies);
        problem.Alignment = AttentionCheck.Like(energies, alignment, nameof(alignment), "the shape of 'energies'");
        problem.Gradient = AttentionCheck.Like(energies, alignmentGradient, nameof(alignmentGradient), "the shape of 'energies'");
        problem.EnergyGradient = AttentionCheck.Like(energies, energyGradient, nameof(energyGradient), "the shape of 'energies'");
        Guard.Disjoint(energyGradient, nameof(energyGradient), energies, nameof(energies));
        Guard.Disjoint(energyGradient, nameof(energyGradient), alignment, nameof(alignment));
        Guard.Disjoint(energyGradient, nameof(energyGradient), alignmentGradient, nameof(alignmentGradient));
        fixed (float* energyAddress = energies, alignmentAddress = alignment, gradientAddress = alignmentGradient, resultAddress = energyGradient)
        {
            problem.Energies.Address = energyAddress;
            problem.Alignment.Address = alignmentAddress;
            problem.Gradient.Address = gradientAddress;
            problem.EnergyGradient.Address = resultAddress;
            MonotonicPass.Alignment(problem, mask, isBackward: true, isHard: false, options);
        }
    }

    private static void Align<TMask>(
        in ReadOnlyTensorSpan<float> energies, in TMask mask, in TensorSpan<float> alignment, bool isHard, in AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        MonotonicProblem problem = MonotonicCheck.Problem(energies, nameof(energies), mask, options);
        problem.Energies = AttentionCheck.Describe(energies);
        problem.Alignment = AttentionCheck.Like(energies, alignment, nameof(alignment), "the shape of 'energies'");
        Guard.Disjoint(alignment, nameof(alignment), energies, nameof(energies));
        fixed (float* energyAddress = energies, alignmentAddress = alignment)
        {
            problem.Energies.Address = energyAddress;
            problem.Alignment.Address = alignmentAddress;
            MonotonicPass.Alignment(problem, mask, isBackward: false, isHard, options);
        }
    }
}
