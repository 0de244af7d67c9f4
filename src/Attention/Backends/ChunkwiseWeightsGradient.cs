using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="MonotonicChunkwiseAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly record struct ChunkwiseWeightsGradient<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the gradient of monotonic chunkwise attention";

    /// <summary>Where the scan stops, <c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Alignment { get; init; }

    /// <summary>The energies within chunks, of the alignment's shape.</summary>
    public required DeviceTensor ChunkEnergies { get; init; }

    /// <summary>The gradient of the weights, of the alignment's shape.</summary>
    public required DeviceTensor WeightGradient { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>Keys of a chunk.</summary>
    public required int ChunkWidth { get; init; }

    /// <summary>Overwritten, of the alignment's shape; null if not wanted.</summary>
    public DeviceTensor? AlignmentGradient { get; init; }

    /// <summary>Overwritten, of the alignment's shape; null if not wanted.</summary>
    public DeviceTensor? ChunkEnergyGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AttentionOptions options = new() { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism };
        MonotonicChunkwiseAttention.Backward(
            host.Span(Alignment, "alignment"), host.Span(ChunkEnergies, "chunkEnergies"), host.Span(WeightGradient, "weightGradient"), Mask,
            ChunkWidth, host.Span(AlignmentGradient, "alignmentGradient"), host.Span(ChunkEnergyGradient, "chunkEnergyGradient"), options);
    }
}
