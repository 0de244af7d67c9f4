namespace Attention.TestKit;

/// <summary>The normalisers that <see cref="NormalizerReference"/> knows.</summary>
public enum NormalizerKind
{
    Softmax,
    Sparsemax,
    Entmax,
    Sigmoid,
    Hardmax,
    TopK,
}
