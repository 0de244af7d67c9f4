namespace Attention.Layers;

/// <summary>How <see cref="MultiHeadAttention"/> takes the distance between query and key into its scores.</summary>
public enum RelativePositions
{
    /// <summary>Not at all, or by rotation, modifier or bias.</summary>
    None,

    /// <summary>Learned vectors for clipped distances are added to keys and values (Shaw et al. 2018): see <see cref="Mechanisms.RelativeAttention"/>.</summary>
    Clipped,

    /// <summary>Projected sinusoids of the distance and two learned biases (Dai et al. 2019): see <see cref="Mechanisms.TransformerXlAttention"/>.</summary>
    TransformerXl,
}
