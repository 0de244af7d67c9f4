using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="EntmaxWeights"/>; members are as there.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct EntmaxForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the entmax of given scores";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <summary><c>[1]</c> or <c>[heads]</c>.</summary>
    public required DeviceTensor Alpha { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, of the scores' shape.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        EntmaxWeights.Forward(
            host.Span(Scores, "scores"), host.Span(Alpha, "alpha"), Mask, host.Span(Weights, "weights"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
