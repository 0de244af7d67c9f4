namespace Attention.Layers;

/// <summary>What a <see cref="LocationAwareAttentionLayer"/> has before its first step.</summary>
public enum LocationStart
{
    /// <summary>All weight on the first position, as in Chorowski et al.'s own implementation.</summary>
    FirstKey,

    /// <summary>The weight spread evenly over the real positions, as in ESPnet.</summary>
    Uniform,

    /// <summary>Nothing, which is how coverage begins.</summary>
    Zeros,
}
