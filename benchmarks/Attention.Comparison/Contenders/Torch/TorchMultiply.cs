using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>libtorch's matmul.</summary>
internal sealed class TorchMultiply : IContender
{
    private readonly int _threads;
    private readonly Tensor _left;
    private readonly Tensor _right;
    private Tensor? _product;

    internal TorchMultiply(float[] left, float[] right, int size, int threads)
    {
        _threads = threads;
        _left = tensor(left, [size, size]);
        _right = tensor(right, [size, size]);
    }

    /// <inheritdoc/>
    public string Name => "matmul";

    /// <inheritdoc/>
    public void Prepare() => TorchPeer.Use(_threads, gradients: false);

    /// <inheritdoc/>
    public void Run()
    {
        _product?.Dispose();
        _product = matmul(_left, _right);
    }

    /// <inheritdoc/>
    public float[] Result() => _product!.data<float>().ToArray();

    /// <inheritdoc/>
    public void Dispose()
    {
        _left.Dispose();
        _right.Dispose();
        _product?.Dispose();
    }
}
