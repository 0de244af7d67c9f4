using System.Numerics.Tensors;
using Attention.Gemm;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's matrix product.</summary>
internal sealed class OwnMultiply(float[] left, float[] right, int size, int threads) : IContender
{
    private readonly MatrixProductOptions _options = new() { MaxDegreeOfParallelism = threads };
    private readonly float[] _product = new float[size * size];
    private readonly nint[] _shape = [size, size];

    /// <inheritdoc/>
    public string Name => "MatrixProduct.Multiply";

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run() => MatrixProduct.Multiply(
        new ReadOnlyTensorSpan<float>(left, _shape),
        new ReadOnlyTensorSpan<float>(right, _shape),
        new TensorSpan<float>(_product, _shape),
        options: _options);

    /// <inheritdoc/>
    public float[] Result() => _product;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
