namespace Attention.Operators;

/// <summary>A function that <see cref="Activation"/> applies to each element.</summary>
public enum ActivationKind
{
    /// <summary><c>max(x, 0)</c>.</summary>
    Relu,

    /// <summary><c>x Phi(x)</c> with the normal distribution <c>Phi(x) = (1 + erf(x / sqrt(2))) / 2</c> (Hendrycks and Gimpel, 2016).</summary>
    Gelu,

    /// <summary><c>x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2</c>, the approximation of <see cref="Gelu"/> in the same paper.</summary>
    GeluTanh,

    /// <summary><c>x / (1 + exp(-x))</c>, also called swish.</summary>
    Silu,

    /// <summary><c>1 / (1 + exp(-x))</c>.</summary>
    Sigmoid,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,
}
