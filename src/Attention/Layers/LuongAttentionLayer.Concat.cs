using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;
using Attention.Policies;

namespace Attention.Layers;

public sealed partial class LuongAttentionLayer
{
    /// <summary>The part of <c>W_a [h_t; h_s]</c> that comes from source states.</summary>
    private Variable ProjectKeys(Variable states)
    {
        using Variable part = _attentionWeight!.Slice(1, _options.QuerySize, _options.MemorySize);
        return Differentiable.Linear(states, part);
    }

    private Variable ConcatContext<TMask>(Variable query, LuongMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable scores = ConcatScores(query, memory);
        return SumByScores(scores, memory.States, mask);
    }

    private void WriteConcatWeights<TMask>(Variable query, LuongMemory memory, in TMask mask, DeviceTensor weights)
        where TMask : struct, IAttentionMask
    {
        using Variable scores = ConcatScores(query, memory);
        using Variable nothing = Nothing(weights.Lengths[0], weights.Lengths[2]);
        using Variable key = Nothing(weights.Lengths[0], weights.Lengths[3]);
        var inputs = new AttentionTensors { Query = nothing.Data, Key = key.Data, Value = key.Data, Bias = scores.Data };
        Backend.AttentionWeights(inputs, mask, default(NoModifier), [], weights, s_given);
    }

    private Variable ConcatScores(Variable query, LuongMemory memory)
    {
        (nint batch, nint steps, nint size) = (query.Data.Lengths[0], query.Data.Lengths[2], query.Data.Lengths[3]);
        using Variable left = query.Reshape(batch, steps, 1, size);
        using Variable right = memory.Keys!.Reshape(batch, 1, memory.Length, size);
        using Variable sums = Differentiable.Add(left, right);
        using Variable bent = Differentiable.Activate(ActivationKind.Tanh, sums);
        using Variable row = _attentionScore!.Reshape(1, size);
        using Variable scores = Differentiable.Linear(bent, row);
        return scores.Reshape(batch, 1, steps, memory.Length);
    }
}
