using Attention.Autodiff;
using Attention.Layers;
using Attention.Operators;

namespace Pronounce;

/// <summary>
/// No attention: at every step the same context, made of the encoder's last states, into which the whole word must fit (Sutskever et
/// al. 2014; Cho et al. 2014). A perceptron of two layers makes it, so that the model has exactly as many weights as with Bahdanau's attention.
/// </summary>
internal sealed class FixedContext : ContextSource
{
    private readonly int _size;
    private readonly Linear _inner;
    private readonly Linear _outer;

    internal FixedContext(int size, ulong seed)
    {
        _size = size;
        _inner = AddLayer("inner", new Linear(size, size, seed: seed));
        _outer = AddLayer("outer", new Linear(size, size, seed: seed + 50));
    }

    internal override int ContextSize => _size;

    internal override bool AsksAfterStep => false;

    internal override IDisposable Prepare(Variable states, Variable summary, int[] lengths)
    {
        using Variable inner = _inner.Forward(summary);
        using Variable squashed = Differentiable.Activate(ActivationKind.Tanh, inner);
        using Variable outer = _outer.Forward(squashed);
        return Differentiable.Add(summary, outer);
    }

    internal override Variable Context(Variable state, IDisposable memory, int step) => Differentiable.Copy((Variable)memory);

    internal override float[]? Weights(Variable state, IDisposable memory, int step) => null;
}
