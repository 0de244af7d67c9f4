namespace Attention.Layers;

/// <summary>Where a Transformer layer normalises.</summary>
public enum NormOrder
{
    /// <summary>After adding, <c>x = norm(x + f(x))</c>, as in Vaswani et al. 2017.</summary>
    Post,

    /// <summary>Before computing, <c>x = x + f(norm(x))</c>; a stack of such layers ends with one more norm (Xiong et al. 2020).</summary>
    Pre,
}
