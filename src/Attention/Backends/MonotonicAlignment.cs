using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="MonotonicAttention"/>, soft or hard.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly record struct MonotonicAlignment<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the alignment of monotonic attention";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Energies { get; init; }

    /// <summary>At which keys a query may stop.</summary>
    public TMask Mask { get; init; }

    /// <summary>Whether each query stops at one key instead of at all with some probability.</summary>
    public bool IsHard { get; init; }

    /// <summary>Overwritten, of the energies' shape.</summary>
    public required DeviceTensor Alignment { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AttentionOptions options = new() { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism };
        if (IsHard)
        {
            MonotonicAttention.ForwardHard(host.Span(Energies, "energies"), Mask, host.Span(Alignment, "alignment"), options);
        }
        else
        {
            MonotonicAttention.Forward(host.Span(Energies, "energies"), Mask, host.Span(Alignment, "alignment"), options);
        }
    }
}
