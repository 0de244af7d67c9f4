using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

public sealed partial class LuongAttentionLayer
{
    /// <summary>The part of <c>W_a [h_t; h_s]</c> that comes from source states, <c>[batch, 1, length, scoreSize]</c>.</summary>
    private Variable ProjectKeys(Variable states, int[] lengths)
    {
        (nint batch, nint length) = (states.Data.Lengths[0], states.Data.Lengths[1]);
        using Variable part = _attentionWeight!.Slice(1, _options.QuerySize, _options.MemorySize);

        // The gradient of a matrix sums over all rows, and would meet what stands beyond the end of a sentence.
        bool isPadded = Array.Exists(lengths, own => own != length);
        using Variable? real = isPadded ? Differentiable.ClearPadding(states, lengths) : null;
        using Variable projected = Differentiable.Linear(real ?? states, part);
        return projected.Reshape(batch, 1, length, projected.Data.Lengths[2]);
    }

    private Variable ConcatContext<TMask>(Variable query, LuongMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable score = (query.Tape ?? memory.States.Tape) is { } tape ? tape.Use(_attentionScore!) : Variable.Constant(_attentionScore!.Data.Share());
        return Differentiable.AdditiveAttention(query, memory.Keys!, score, memory.States, mask);
    }

    private void WriteConcatWeights<TMask>(Variable query, LuongMemory memory, in TMask mask, DeviceTensor weights)
        where TMask : struct, IAttentionMask => Backend.Run(new AdditiveAttentionWeights<TMask>
        {
            Query = query.Data,
            Key = memory.Keys!.Data,
            ScoreVector = _attentionScore!.Data,
            Mask = mask,
            Destination = weights,
        });
}
