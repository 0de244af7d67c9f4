using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="LocalAttention"/> as a computation; a gradient that is null is not wanted.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct LocalAttentionBackward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of local attention";

    /// <summary>The query of the forward pass.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary>The key of the forward pass.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary>The value of the forward pass.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary>The position of the forward pass.</summary>
    public required DeviceTensor Position { get; init; }

    /// <summary>The window of the forward pass.</summary>
    public LocalWindow Window { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>The gradient of the output.</summary>
    public required DeviceTensor OutputGradient { get; init; }

    /// <summary>The gradient of the log-sum-exp; null for none.</summary>
    public DeviceTensor? LogSumExpGradient { get; init; }

    /// <summary>Overwritten, of the query's shape.</summary>
    public DeviceTensor? QueryGradient { get; init; }

    /// <summary>Overwritten, of the key's shape.</summary>
    public DeviceTensor? KeyGradient { get; init; }

    /// <summary>Overwritten, of the value's shape.</summary>
    public DeviceTensor? ValueGradient { get; init; }

    /// <summary>Overwritten, of the position's shape.</summary>
    public DeviceTensor? PositionGradient { get; init; }

    /// <summary>The options of the forward pass.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        LocalAttention.Backward(
            host.Span(Query, "query"), host.Span(Key, "key"), host.Span(Value, "value"), host.Span(Position, "position"), Window, Mask,
            host.Span(OutputGradient, "outputGradient"), host.Span(LogSumExpGradient, "logSumExpGradient"),
            host.Span(QueryGradient, "queryGradient"), host.Span(KeyGradient, "keyGradient"), host.Span(ValueGradient, "valueGradient"),
            host.Span(PositionGradient, "positionGradient"), Options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
