using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;
using Attention.Policies;

namespace Attention.Layers;

public sealed partial class LuongAttentionLayer
{
    /// <summary>The part of <c>W_a [h_t; h_s]</c> that comes from source states, <c>[batch, 1, length, scoreSize]</c>.</summary>
    private Variable ProjectKeys(Variable states, int[] lengths)
    {
        (nint batch, nint length) = (states.Data.Lengths[0], states.Data.Lengths[1]);
        using Variable part = _attentionWeight!.Slice(1, _options.QuerySize, _options.MemorySize);
        using Variable real = WithoutPadding(states, lengths);
        using Variable projected = Differentiable.Linear(real, part);
        return projected.Reshape(batch, 1, length, projected.Data.Lengths[2]);
    }

    /// <summary>
    /// Zeros for states beyond the end of a sentence: the gradient of a matrix sums over all rows, and would meet what stands
    /// there.
    /// </summary>
    private Variable WithoutPadding(Variable states, int[] lengths)
    {
        (nint batch, nint length) = (states.Data.Lengths[0], states.Data.Lengths[1]);
        if (Array.TrueForAll(lengths, real => real == length))
        {
            return states.Reshape(states.Data.Lengths);
        }

        int[] rows = new int[batch * length];
        for (int row = 0; row < rows.Length; row++)
        {
            (int sentence, int place) = Math.DivRem(row, (int)length);
            rows[row] = sentence * ((int)length + 1) + (place < lengths[sentence] ? place : (int)length);
        }

        using Variable zeros = Variable.Constant(DeviceTensor.Zeros(Backend, batch, 1, _options.MemorySize));
        using Variable longer = Differentiable.Concatenate(1, states, zeros);
        using Variable table = longer.Reshape(-1, _options.MemorySize);
        return Differentiable.Embed(table, rows, [batch, length], states.Tape);
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

    /// <summary><c>v_a . tanh(q + k)</c> for all pairs, by way of a tensor <c>[batch, steps, length, scoreSize]</c>.</summary>
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
