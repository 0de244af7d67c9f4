namespace Attention.Layers;

/// <summary>What stands between the two linear layers of a feed-forward block.</summary>
public enum FeedForwardKind
{
    /// <summary>max(x, 0) (Vaswani et al. 2017).</summary>
    Relu,

    /// <summary>x Phi(x), exact (Hendrycks and Gimpel 2016).</summary>
    Gelu,

    /// <summary>The approximation of GELU by a hyperbolic tangent, as in GPT-2.</summary>
    GeluTanh,

    /// <summary>silu(gate x) * (up x), with a third matrix (Shazeer 2020, "GLU variants").</summary>
    SwiGlu,

    /// <summary>x sigmoid(x), also called swish (Elfwing et al. 2017; Ramachandran et al. 2017).</summary>
    Silu,
}
