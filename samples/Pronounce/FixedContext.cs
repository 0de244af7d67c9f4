using Attention.Autodiff;

namespace Pronounce;

/// <summary>No attention: at every step the encoder's last states, into which the whole word must fit (Sutskever et al. 2014; Cho et al. 2014).</summary>
internal sealed class FixedContext(int size) : ContextSource
{
    internal override int ContextSize => size;

    internal override bool AsksAfterStep => false;

    internal override IDisposable Prepare(Variable states, Variable summary, int[] lengths) => Differentiable.Copy(summary);

    internal override Variable Context(Variable state, IDisposable memory, int step) => Differentiable.Copy((Variable)memory);

    internal override float[]? Weights(Variable state, IDisposable memory, int step) => null;
}
