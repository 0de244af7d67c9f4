using Attention.Operators;

namespace Attention.Backends;

/// <summary><see cref="SequencePadding.Clear"/> as a computation, forwards and backwards the same.</summary>
public readonly struct PaddingClear : IComputation
{
    /// <inheritdoc/>
    public static string Name => "clearing the padding of sequences";

    /// <summary><c>[batch, length, size]</c>.</summary>
    public required DeviceTensor Input { get; init; }

    /// <summary>The length of each sequence.</summary>
    public required int[] Lengths { get; init; }

    /// <summary>Overwritten, of the input's shape.</summary>
    public required DeviceTensor Output { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        SequencePadding.Clear(host.Span(Input, "input"), Lengths, host.Span(Output, "output"));
    }
}
