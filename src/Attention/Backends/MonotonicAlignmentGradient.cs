using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="MonotonicAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly record struct MonotonicAlignmentGradient<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the gradient of the alignment of monotonic attention";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Energies { get; init; }

    /// <summary>What the forward pass gave, of the energies' shape.</summary>
    public required DeviceTensor Alignment { get; init; }

    /// <summary>The gradient of the alignment, of the energies' shape.</summary>
    public required DeviceTensor AlignmentGradient { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, of the energies' shape.</summary>
    public required DeviceTensor EnergyGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AttentionOptions options = new() { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism };
        MonotonicAttention.Backward(
            host.Span(Energies, "energies"), host.Span(Alignment, "alignment"), host.Span(AlignmentGradient, "alignmentGradient"), Mask,
            host.Span(EnergyGradient, "energyGradient"), options);
    }
}
