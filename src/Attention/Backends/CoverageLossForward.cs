using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="CoverageLoss"/>.</summary>
public readonly struct CoverageLossForward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the coverage loss";

    /// <summary><c>[batch, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Alignments { get; init; }

    /// <summary><c>[batch, keyLength]</c>; null for nothing.</summary>
    public DeviceTensor? InitialCoverage { get; init; }

    /// <summary>Overwritten, <c>[batch, queryLength]</c>.</summary>
    public required DeviceTensor Losses { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        CoverageLoss.Forward(
            host.Span(Alignments, nameof(Alignments)), host.Span(InitialCoverage, nameof(InitialCoverage)), host.Span(Losses, nameof(Losses)));
    }
}
