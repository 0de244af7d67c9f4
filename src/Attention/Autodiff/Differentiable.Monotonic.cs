using Attention.Backends;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>The soft alignment of monotonic attention; see <see cref="Mechanisms.MonotonicAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="energies"><c>[batch, heads, queryLength, keyLength]</c>, keys side by side.</param>
    /// <param name="mask">At which keys a query may stop.</param>
    /// <returns>Of the energies' shape; its product with the values is the context.</returns>
    /// <exception cref="ArgumentException">The shape does not fit.</exception>
    public static Variable MonotonicAlignment<TMask>(Variable energies, TMask mask)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(energies);
        Rank4(energies, nameof(energies));
        Tape? tape = Tape.Of(energies);
        DeviceTensor alignment = DeviceTensor.Allocate(energies.Data.Backend, energies.Data.Lengths);
        energies.Data.Backend.Run(new MonotonicAlignment<TMask> { Energies = energies.Data, Mask = mask, Alignment = alignment });
        if (!Records(tape, energies))
        {
            return Plain(alignment, tape, energies);
        }

        DeviceTensor keptEnergies = energies.Data.Share();
        DeviceTensor keptAlignment = alignment.Share();
        return Recorded(
            tape!, alignment, [energies],
            (gradient, results) => gradient.Backend.Run(new MonotonicAlignmentGradient<TMask>
            {
                Energies = keptEnergies,
                Alignment = keptAlignment,
                AlignmentGradient = gradient,
                Mask = mask,
                EnergyGradient = results[0]!,
            }),
            keptEnergies, keptAlignment);
    }

    /// <summary>The weights of monotonic chunkwise attention; see <see cref="Mechanisms.MonotonicChunkwiseAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="alignment">Where the scan stops, <c>[batch, heads, queryLength, keyLength]</c>, keys side by side.</param>
    /// <param name="chunkEnergies">The energies within chunks, of the alignment's shape, keys side by side.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="chunkWidth">Keys of a chunk.</param>
    /// <returns>Of the alignment's shape; its product with the values is the context.</returns>
    /// <exception cref="ArgumentException">The shapes or the width do not fit.</exception>
    public static Variable ChunkwiseWeights<TMask>(Variable alignment, Variable chunkEnergies, TMask mask, int chunkWidth)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(alignment);
        ArgumentNullException.ThrowIfNull(chunkEnergies);
        Rank4(alignment, nameof(alignment));
        Tape? tape = Tape.Of(alignment, chunkEnergies);
        DeviceTensor weights = DeviceTensor.Allocate(alignment.Data.Backend, alignment.Data.Lengths);
        alignment.Data.Backend.Run(new ChunkwiseWeights<TMask>
        {
            Alignment = alignment.Data,
            ChunkEnergies = chunkEnergies.Data,
            Mask = mask,
            ChunkWidth = chunkWidth,
            Weights = weights,
        });
        if (!Records(tape, alignment, chunkEnergies))
        {
            return Plain(weights, tape, alignment, chunkEnergies);
        }

        DeviceTensor keptAlignment = alignment.Data.Share();
        DeviceTensor keptEnergies = chunkEnergies.Data.Share();
        return Recorded(
            tape!, weights, [alignment, chunkEnergies],
            (gradient, results) => gradient.Backend.Run(new ChunkwiseWeightsGradient<TMask>
            {
                Alignment = keptAlignment,
                ChunkEnergies = keptEnergies,
                WeightGradient = gradient,
                Mask = mask,
                ChunkWidth = chunkWidth,
                AlignmentGradient = results[0],
                ChunkEnergyGradient = results[1],
            }),
            keptAlignment, keptEnergies);
    }
}
