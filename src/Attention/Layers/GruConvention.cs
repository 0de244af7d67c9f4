namespace Attention.Layers;

/// <summary>Which of the two gated recurrent units a layer computes: they are not equivalent, and weights of one do not fit the other.</summary>
public enum GruConvention
{
    /// <summary>cuDNN's and PyTorch's: the reset gate works on the product, <see cref="Mechanisms.RecurrentCell.GruResetAfter"/>.</summary>
    ResetAfter,

    /// <summary>
    /// That of Cho et al. (2014) and GroundHog: the reset gate works on the state, <see cref="Mechanisms.RecurrentCell.GruResetBefore"/>.
    /// </summary>
    ResetBefore,
}
