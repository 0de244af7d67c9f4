using Attention.Comparison.Work;
using TorchSharp;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>libtorch's functions, composed as its users do where it has no operator for the whole; in training with autograd.</summary>
internal abstract class TorchComposition : IContender
{
    private readonly int _threads;
    private readonly bool _isTraining;
    private readonly Tensor _outputGradient;
    private Tensor[] _results = [];

    protected TorchComposition(TensorTask task, bool isTraining, int threads)
    {
        _threads = threads;
        _isTraining = isTraining;
        Inputs = [.. task.Inputs.Select(input => Create(input, isTraining))];
        _outputGradient = Create(task.OutputGradient, needsGradient: false);
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>In the order of the task; gradients are taken of all of them.</summary>
    protected Tensor[] Inputs { get; }

    /// <inheritdoc/>
    public void Prepare() => TorchPeer.Use(_threads, gradients: _isTraining);

    /// <inheritdoc/>
    public void Run()
    {
        DisposeAll(_results);
        using DisposeScope scope = NewDisposeScope();
        Tensor output = Forward();
        _results = _isTraining ? [output, .. autograd.grad([output], Inputs, [_outputGradient])] : [output];
        foreach (Tensor result in _results)
        {
            result.MoveToOuterDisposeScope();
        }
    }

    /// <inheritdoc/>
    public float[] Result() => [.. _results.SelectMany(result => result.detach().contiguous().data<float>().ToArray())];

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeAll(_results);
        DisposeAll(Inputs);
        DisposeModule();
        _outputGradient.Dispose();
    }

    /// <summary>Computes the result of <see cref="Inputs"/>, of the shape of its gradient.</summary>
    protected abstract Tensor Forward();

    protected virtual void DisposeModule()
    {
    }

    private static Tensor Create(TaskTensor source, bool needsGradient) =>
        tensor(source.Numbers, Array.ConvertAll(source.Lengths, length => (long)length), requires_grad: needsGradient);

    private static void DisposeAll(Tensor[] tensors)
    {
        foreach (Tensor each in tensors)
        {
            each.Dispose();
        }
    }
}
