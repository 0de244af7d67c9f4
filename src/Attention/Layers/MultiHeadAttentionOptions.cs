using Attention.Backends;

namespace Attention.Layers;

/// <summary>What a <see cref="MultiHeadAttention"/> layer is made of; what is left out is as in Vaswani et al. 2017 with biases.</summary>
public sealed record MultiHeadAttentionOptions
{
    /// <summary>Numbers of a position, in and out.</summary>
    public required int ModelSize { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads, a divisor of <see cref="Heads"/>: fewer for grouped-query attention, 1 for multi-query; null for as many.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Numbers of a head; null for <c>ModelSize / Heads</c>.</summary>
    public int? HeadSize { get; init; }

    /// <summary>Numbers of a position that keys are computed from; null for <see cref="ModelSize"/>.</summary>
    public int? KeySize { get; init; }

    /// <summary>Numbers of a position that values are computed from; null for <see cref="ModelSize"/>.</summary>
    public int? ValueSize { get; init; }

    /// <summary>Whether the projections of query, key and value have biases.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>Whether the output projection has a bias.</summary>
    public bool HasOutputBias { get; init; } = true;

    /// <summary>Whether every head's query and key are normalised by their root mean square, with learned weights (Henry et al. 2020).</summary>
    public bool HasQueryKeyNorm { get; init; }

    /// <summary>Whether the heads' output is multiplied by <c>sigmoid(gate x)</c> before the output projection (Qiu et al. 2025).</summary>
    public bool HasOutputGate { get; init; }

    /// <summary>Rotates queries and keys by their positions; null for no rotation.</summary>
    public Rotation? Rotary { get; init; }

    /// <summary>
    /// How distances enter the scores; with any but <see cref="RelativePositions.None"/> the layer takes no rotation, modifier or
    /// bias, and has no cache. Queries are the last positions of the keys.
    /// </summary>
    public RelativePositions RelativePositions { get; init; }

    /// <summary>For <see cref="RelativePositions.Clipped"/>, the largest distance that has vectors of its own.</summary>
    public int MaxRelativeDistance { get; init; } = 16;

    /// <summary>The factor on q.k; null for one by the root of the head size.</summary>
    public float? Scale { get; init; }

    /// <summary>The probability with which a weight is dropped in training.</summary>
    public float Dropout { get; init; }

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }
}
