using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="GumbelSoftmax"/>; members are as there. Backward it is <see cref="ScoreNormalizationGradient{TMask, TNormalizer}"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct GumbelSoftmaxForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the Gumbel-softmax of given scores";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>A number from 1e-20 to 1e20.</summary>
    public required float Temperature { get; init; }

    /// <summary>Decides the noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>Overwritten, of the scores' shape.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <summary>Overwritten, of the scores' shape, or null.</summary>
    public DeviceTensor? OneHot { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        GumbelSoftmax.Forward(
            host.Span(Scores, "scores"), Mask, Temperature, Seed, host.Span(Weights, "weights"), host.Span(OneHot, "oneHot"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
