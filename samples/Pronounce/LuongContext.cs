using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;

namespace Pronounce;

/// <summary>The attentional vector of Luong et al. (2015), which the next step is given too.</summary>
internal sealed class LuongContext : ContextSource
{
    private readonly LuongAttentionLayer _attention;
    private readonly int _size;

    internal LuongContext(AttentionKind kind, int size, ulong seed)
    {
        _size = size;
        _attention = AddLayer("luong", new LuongAttentionLayer(new LuongAttentionOptions
        {
            QuerySize = size,
            MemorySize = size,
            Score = kind == AttentionKind.LuongDot ? LuongScore.Dot : LuongScore.General,
            Alignment = kind == AttentionKind.LuongLocalP ? LuongAlignment.LocalPredictive : LuongAlignment.Global,
            HalfWidth = 3,
            Seed = seed,
        }));
    }

    internal override int ContextSize => _size;

    internal override bool AsksAfterStep => true;

    internal override IDisposable Prepare(Variable states, Variable summary, int[] lengths) => _attention.Prepare(states, lengths);

    internal override Variable Context(Variable state, IDisposable memory, int step) => _attention.Step(state, (LuongMemory)memory, step);

    internal override float[]? Weights(Variable state, IDisposable memory, int step)
    {
        using Variable queries = state.Reshape(state.Data.Lengths[0], 1, _size);
        using DeviceTensor weights = _attention.Weights(queries, (LuongMemory)memory, step);
        return weights.ToArray();
    }
}
