namespace Attention.Layers;

/// <summary>How a <see cref="MonotonicAttentionLayer"/> compares queries with positions of the memory.</summary>
public enum MonotonicEnergy
{
    /// <summary>
    /// <c>gain (Wq query) . (Wm memory) + offset</c> for stopping, <c>(Vq query) . (Vm memory) / sqrt(energySize)</c> within chunks.
    /// </summary>
    Product,

    /// <summary>
    /// <c>gain (v / ||v||) . tanh(Wq query + Wm memory + b) + offset</c> for stopping (Raffel et al. 2017, equation 17), and
    /// <c>u . tanh(Vq query + Vm memory + c)</c> within chunks, where the score vector is not normalised (Chiu and Raffel 2018).
    /// </summary>
    Additive,
}
