using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="MonotonicChunkwiseAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly record struct ChunkwiseWeights<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the weights of monotonic chunkwise attention";

    /// <summary>Where the scan stops, <c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Alignment { get; init; }

    /// <summary>The energies within chunks, of the alignment's shape.</summary>
    public required DeviceTensor ChunkEnergies { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>Keys of a chunk.</summary>
    public required int ChunkWidth { get; init; }

    /// <summary>Overwritten, of the alignment's shape.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AttentionOptions options = new() { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism };
        MonotonicChunkwiseAttention.Forward(
            host.Span(Alignment, "alignment"), host.Span(ChunkEnergies, "chunkEnergies"), Mask, ChunkWidth, host.Span(Weights, "weights"), options);
    }
}
