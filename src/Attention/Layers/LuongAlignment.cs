namespace Attention.Layers;

/// <summary>Which source states <see cref="LuongAttentionLayer"/> looks at (Luong et al. 2015, sections 3.1 and 3.2).</summary>
public enum LuongAlignment
{
    /// <summary>All of them.</summary>
    Global,

    /// <summary>local-m: a window around place t for target step t.</summary>
    LocalMonotonic,

    /// <summary>
    /// local-p: a window around a predicted place, its weights multiplied by a Gaussian around that place after the softmax.
    /// </summary>
    LocalPredictive,
}
