using Attention.Comparison.Work;
using TorchSharp;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>A layer in libtorch, with the library's weights: one of its own modules, or composed of its functions.</summary>
internal abstract class TorchLayer : IContender
{
    private readonly int _threads;
    private readonly Tensor _input;
    private readonly Tensor _gradient;
    private Tensor? _output;
    private IList<Tensor> _gradients = [];

    protected TorchLayer(LayerTask task, int threads)
    {
        Task = task;
        _threads = threads;
        long[] dimensions = [task.Batch, task.Length, task.ModelSize];
        _input = tensor(task.Input(), dimensions, requires_grad: task.Training);
        _gradient = tensor(task.OutputGradient(), dimensions);
        Weights = task.Weights().ToDictionary(
            entry => entry.Key, entry => tensor(entry.Value.Values, entry.Value.Shape, requires_grad: task.Training));
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>What to compute.</summary>
    protected LayerTask Task { get; }

    /// <summary>By PyTorch's names.</summary>
    protected Dictionary<string, Tensor> Weights { get; }

    /// <summary>What gradients are taken of, besides the input.</summary>
    protected abstract IEnumerable<Tensor> Learned { get; }

    /// <inheritdoc/>
    public void Prepare() => TorchPeer.Use(_threads, Task.Training);

    /// <inheritdoc/>
    public void Run()
    {
        Forget();
        using DisposeScope scope = NewDisposeScope();
        _output = Forward(_input);
        _output.MoveToOuterDisposeScope();
        if (Task.Training)
        {
            _gradients = autograd.grad([_output], [_input, .. Learned], [_gradient]);
            foreach (Tensor gradient in _gradients)
            {
                gradient.MoveToOuterDisposeScope();
            }
        }
    }

    /// <inheritdoc/>
    public float[] Result() =>
    [
        .. _output!.detach().contiguous().data<float>().ToArray(),
        .. _gradients.Take(1).SelectMany(gradient => gradient.contiguous().data<float>().ToArray()),
    ];

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        DisposeModule();
        foreach (Tensor weight in Weights.Values)
        {
            weight.Dispose();
        }

        _input.Dispose();
        _gradient.Dispose();
    }

    /// <summary>Computes the layer of <paramref name="input"/> <c>[batch, length, modelSize]</c>.</summary>
    protected abstract Tensor Forward(Tensor input);

    protected virtual void DisposeModule()
    {
    }

    /// <summary>Gives a module the library's weights.</summary>
    protected void CopyInto(nn.Module module)
    {
        using IDisposable _ = no_grad();
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in module.named_parameters())
        {
            parameter.copy_(Weights[name]);
        }
    }

    private void Forget()
    {
        _output?.Dispose();
        _output = null;
        foreach (Tensor gradient in _gradients)
        {
            gradient.Dispose();
        }

        _gradients = [];
    }
}
