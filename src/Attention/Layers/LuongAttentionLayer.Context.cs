using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Layers;

public sealed partial class LuongAttentionLayer
{
    /// <summary>The paper's scores are not scaled.</summary>
    private static readonly AttentionOptions s_unscaled = new() { Scale = 1 };

    /// <summary>The scores are given, as a bias beside products of nothing.</summary>
    private static readonly AttentionOptions s_given = new() { Scale = 0 };

    /// <summary>The weighted sums of source states, <c>[batch, 1, steps, memorySize]</c>.</summary>
    private Variable Context<TMask>(Variable queries, LuongMemory memory, in TMask mask, int firstStep)
        where TMask : struct, IAttentionMask
    {
        if (_options.Score == LuongScore.Location)
        {
            return LocationContext(queries, memory, mask);
        }

        using Variable projected = ProjectQueries(queries);
        if (_options.Alignment != LuongAlignment.Global)
        {
            using Variable positions = Positions(queries, memory, firstStep);
            return Differentiable.LocalAttention(projected, memory.States, memory.States, positions, Window(memory), mask, s_unscaled);
        }

        var real = memory.Real.And(mask);
        return _options.Score == LuongScore.Concat
            ? ConcatContext(projected, memory, real)
            : Differentiable.Attention(projected, memory.States, memory.States, real, default(NoModifier), options: s_unscaled);
    }

    /// <summary>What meets the keys, <c>[batch, 1, steps, size]</c>.</summary>
    private Variable ProjectQueries(Variable queries)
    {
        (nint batch, nint steps) = (queries.Data.Lengths[0], queries.Data.Lengths[1]);
        if (_options.Score == LuongScore.Dot)
        {
            return queries.Reshape(batch, 1, steps, _options.QuerySize);
        }

        using Variable? part = _options.Score == LuongScore.Concat ? _attentionWeight!.Slice(1, 0, _options.QuerySize) : null;
        using Variable projected = Differentiable.Linear(queries, part ?? _attentionWeight!);
        return projected.Reshape(batch, 1, steps, projected.Data.Lengths[2]);
    }

    private LocalWindow Window(LuongMemory memory) =>
        new(_options.HalfWidth, IsGaussian: _options.Alignment == LuongAlignment.LocalPredictive) { KeyLengths = memory.Lengths };

    /// <summary>Where each step looks, <c>[batch, steps]</c>.</summary>
    private Variable Positions(Variable queries, LuongMemory memory, int firstStep)
    {
        if (_options.Alignment == LuongAlignment.LocalPredictive)
        {
            return PredictPositions(queries, memory);
        }

        (nint batch, nint steps) = (queries.Data.Lengths[0], queries.Data.Lengths[1]);
        float[] positions = new float[batch * steps];
        for (int i = 0; i < positions.Length; i++)
        {
            positions[i] = (float)((long)firstStep + i % steps);
        }

        return Variable.Constant(DeviceTensor.Create(Backend, positions, batch, steps));
    }

    /// <summary>
    /// <c>softmax(W_a h_t)</c> over the places that there are. Where the sentence is cut out afterwards its weights are those of
    /// the softmax over it alone, times its share of the softmax over all places.
    /// </summary>
    private Variable LocationContext<TMask>(Variable queries, LuongMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        nint places = Math.Min(memory.Length, _options.MaxLength!.Value);
        int[] lengths = Array.ConvertAll(memory.Lengths, length => Math.Min(length, (int)places));
        using Variable scores = LocationScores(queries, places);
        using Variable values = memory.States.Slice(2, 0, places);
        Variable context = SumByScores(scores, values, LuongMemory.MaskOf(lengths).And(PlacesOf(memory, mask)));
        if (!_options.IsCutAfterSoftmax)
        {
            return context;
        }

        using (context)
        {
            using Variable share = SentenceShare(queries, lengths, PlacesOf(memory, mask));
            return Differentiable.Multiply(context, share);
        }
    }

    private static PlacesMask<TMask> PlacesOf<TMask>(LuongMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask => new(mask, memory.Lengths, (int)memory.Length);

    /// <summary>The first rows of <c>W_a h_t</c>, <c>[batch, 1, steps, places]</c>.</summary>
    private Variable LocationScores(Variable queries, nint places)
    {
        if (places == 0)
        {
            return Variable.Constant(DeviceTensor.Zeros(Backend, queries.Data.Lengths[0], 1, queries.Data.Lengths[1], 0));
        }

        using Variable rows = _attentionWeight!.Slice(0, 0, places);
        using Variable scores = Differentiable.Linear(queries, rows);
        return scores.Reshape(queries.Data.Lengths[0], 1, queries.Data.Lengths[1], places);
    }

    /// <summary>How much of the softmax over all places falls on each sentence, <c>[batch, 1, steps, 1]</c>.</summary>
    private Variable SentenceShare<TMask>(Variable queries, int[] lengths, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        int places = _options.MaxLength!.Value;
        float[] inside = new float[lengths.Length * places];
        for (int batch = 0; batch < lengths.Length; batch++)
        {
            inside.AsSpan(batch * places, lengths[batch]).Fill(1);
        }

        using Variable scores = LocationScores(queries, places);
        using Variable values = Variable.Constant(DeviceTensor.Create(Backend, inside, lengths.Length, 1, places, 1));
        return SumByScores(scores, values, mask);
    }

    /// <summary>Values weighed by the softmax of given scores.</summary>
    private Variable SumByScores<TMask>(Variable scores, Variable values, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable query = Nothing(scores.Data.Lengths[0], scores.Data.Lengths[2]);
        using Variable key = Nothing(scores.Data.Lengths[0], scores.Data.Lengths[3]);
        return Differentiable.Attention(query, key, values, mask, default(NoModifier), scores, options: s_given);
    }

    private Variable Nothing(nint batch, nint length) => Variable.Constant(DeviceTensor.Zeros(Backend, batch, 1, length, 1));
}
