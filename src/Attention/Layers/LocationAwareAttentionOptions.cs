using Attention.Mechanisms;

namespace Attention.Layers;

/// <summary>What a <see cref="LocationAwareAttentionLayer"/> is made of; what is left out is as in Chorowski et al. 2015.</summary>
public sealed record LocationAwareAttentionOptions
{
    /// <summary>Numbers of a query, the decoder's state.</summary>
    public required int QuerySize { get; init; }

    /// <summary>Numbers of a position of the source, which are its value too.</summary>
    public required int SourceSize { get; init; }

    /// <summary>Hidden numbers of the score.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Filters; 0 for none, the alignment itself being the feature.</summary>
    public int Filters { get; init; } = 10;

    /// <summary>Taps of a filter.</summary>
    public int Width { get; init; } = 201;

    /// <summary>What is before the first step where no initial alignment is given.</summary>
    public LocationStart Start { get; init; }

    /// <summary>What features come from, normaliser, sharpness, window. The score has a bias where sigmoids normalise.</summary>
    public LocationAwareOptions Attention { get; init; }

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }

    /// <summary>See et al. 2017: no filters, the coverage vector itself, from nothing covered.</summary>
    /// <param name="querySize">Numbers of a query.</param>
    /// <param name="sourceSize">Numbers of a position of the source.</param>
    /// <param name="hiddenSize">Hidden numbers of the score.</param>
    public static LocationAwareAttentionOptions Coverage(int querySize, int sourceSize, int hiddenSize) => new()
    {
        QuerySize = querySize,
        SourceSize = sourceSize,
        HiddenSize = hiddenSize,
        Filters = 0,
        Start = LocationStart.Zeros,
        Attention = new LocationAwareOptions { Source = LocationSource.AccumulatedAlignments },
    };
}
