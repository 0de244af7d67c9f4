using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="SoftmaxWeights"/>, with or without noise; members are as there.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct SoftmaxWeightsForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the softmax of given scores";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>The temperature of Gumbel-softmax; null for softmax without noise.</summary>
    public float? Temperature { get; init; }

    /// <summary>Decides the noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>Overwritten, of the scores' shape.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <summary>Overwritten, of the scores' shape, or null; only with a temperature.</summary>
    public DeviceTensor? OneHot { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AttentionOptions options = new() { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism };
        if (Temperature is { } temperature)
        {
            SoftmaxWeights.GumbelForward(
                host.Span(Scores, "scores"), Mask, temperature, Seed, host.Span(Weights, "weights"), host.Span(OneHot, "oneHot"), options);
        }
        else
        {
            SoftmaxWeights.Forward(host.Span(Scores, "scores"), Mask, host.Span(Weights, "weights"), options);
        }
    }
}
