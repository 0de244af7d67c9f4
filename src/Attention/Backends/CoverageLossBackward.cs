using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="CoverageLoss"/>.</summary>
public readonly struct CoverageLossBackward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the gradient of the coverage loss";

    /// <summary><c>[batch, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Alignments { get; init; }

    /// <summary><c>[batch, keyLength]</c>; null for nothing.</summary>
    public DeviceTensor? InitialCoverage { get; init; }

    /// <summary>The gradient of each step's loss, <c>[batch, queryLength]</c>.</summary>
    public required DeviceTensor LossGradients { get; init; }

    /// <summary>Overwritten, of the alignments' shape.</summary>
    public required DeviceTensor AlignmentGradient { get; init; }

    /// <summary>Overwritten, <c>[batch, keyLength]</c>; null if not wanted.</summary>
    public DeviceTensor? InitialCoverageGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        CoverageLoss.Backward(
            host.Span(Alignments, nameof(Alignments)), host.Span(InitialCoverage, nameof(InitialCoverage)),
            host.Span(LossGradients, nameof(LossGradients)), host.Span(AlignmentGradient, nameof(AlignmentGradient)),
            host.Span(InitialCoverageGradient, nameof(InitialCoverageGradient)));
    }
}
