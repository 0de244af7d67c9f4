using Attention.Autodiff;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// The source states of a <see cref="LuongAttentionLayer"/>, with what is computed from them alone: made once by
/// <see cref="LuongAttentionLayer.Prepare"/>, used at every step.
/// </summary>
/// <remarks>It belongs to the tape of the source states, and to the weights of the layer at that time.</remarks>
public sealed class LuongMemory : IDisposable
{
    internal LuongMemory(Variable states, Variable? keys, int[] lengths)
    {
        States = states;
        Keys = keys;
        Lengths = lengths;
    }

    /// <summary><c>[batch, 1, length, memorySize]</c>.</summary>
    internal Variable States { get; }

    /// <summary>What scores are computed from where that is not the states, <c>[batch, 1, length, scoreSize]</c>.</summary>
    internal Variable? Keys { get; }

    /// <summary>Real states of each sentence.</summary>
    internal int[] Lengths { get; }

    /// <summary>The real states as a mask.</summary>
    internal KeyLengthMask Real => MaskOf(Lengths);

    internal nint Batch => States.Data.Lengths[0];

    internal nint Length => States.Data.Lengths[2];

    /// <summary>Lengths as a mask, which without sentences has none to ask for.</summary>
    internal static KeyLengthMask MaskOf(int[] lengths) => lengths.Length == 0 ? default : new KeyLengthMask(lengths);

    /// <summary>Gives its tensors back; what a tape kept stays until it was played back.</summary>
    public void Dispose()
    {
        States.Dispose();
        Keys?.Dispose();
    }
}
