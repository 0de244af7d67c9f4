using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

public sealed partial class LuongAttentionLayer
{
    /// <summary>The weights that <see cref="Forward(Variable, LuongMemory, int)"/> gives the source states; nothing is recorded.</summary>
    /// <param name="queries">The target states, <c>[batch, steps, querySize]</c>.</param>
    /// <param name="memory">The source.</param>
    /// <param name="firstStep">The number of the first step, from 0.</param>
    /// <returns><c>[batch, steps, length]</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The shape is another, or there are not as many sentences as in the memory.</exception>
    public DeviceTensor Weights(Variable queries, LuongMemory memory, int firstStep = 0) =>
        Weights(queries, memory, default(NoMask), firstStep);

    /// <summary>The weights that <see cref="Forward{TMask}(Variable, LuongMemory, in TMask, int)"/> gives the source states; nothing is recorded.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="queries">The target states, <c>[batch, steps, querySize]</c>.</param>
    /// <param name="memory">The source.</param>
    /// <param name="mask">Which states a step may attend to, besides.</param>
    /// <param name="firstStep">The number of the first step, from 0.</param>
    /// <returns><c>[batch, steps, length]</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The shape is another, the mask does not fit, or there are not as many sentences as in the memory.</exception>
    public DeviceTensor Weights<TMask>(Variable queries, LuongMemory memory, in TMask mask, int firstStep = 0)
        where TMask : struct, IAttentionMask
    {
        CheckInputs(queries, memory, firstStep);
        using Variable plain = queries.Detach();
        DeviceTensor weights = DeviceTensor.Zeros(Backend, queries.Data.Lengths[0], queries.Data.Lengths[1], memory.Length);
        using DeviceTensor byHead = weights.Reshape(weights.Lengths[0], 1, weights.Lengths[1], weights.Lengths[2]);
        if (_options.Score == LuongScore.Location)
        {
            WriteLocationWeights(plain, memory, mask, byHead);
            return weights;
        }

        using Variable projected = ProjectQueries(plain);
        if (_options.Alignment != LuongAlignment.Global)
        {
            using Variable positions = Positions(plain, memory, firstStep);
            Backend.Run(new LocalAttentionWeights<TMask>
            {
                Query = projected.Data,
                Key = memory.States.Data,
                Position = positions.Data,
                Window = Window(memory),
                Mask = mask,
                Weights = byHead,
                Options = s_unscaled,
            });
            return weights;
        }

        var real = memory.Real.And(mask);
        if (_options.Score == LuongScore.Concat)
        {
            WriteConcatWeights(projected, memory, real, byHead);
            return weights;
        }

        var inputs = new AttentionTensors { Query = projected.Data, Key = memory.States.Data, Value = memory.States.Data };
        Backend.AttentionWeights(inputs, real, default(NoModifier), [], byHead, s_unscaled);
        return weights;
    }

    private void WriteLocationWeights<TMask>(Variable queries, LuongMemory memory, in TMask mask, DeviceTensor weights)
        where TMask : struct, IAttentionMask
    {
        nint places = Math.Min(memory.Length, _options.MaxLength!.Value);
        int[] lengths = Array.ConvertAll(memory.Lengths, length => Math.Min(length, (int)places));
        using Variable scores = LocationScores(queries, places);
        using Variable query = Nothing(weights.Lengths[0], weights.Lengths[2]);
        using Variable key = Nothing(weights.Lengths[0], places);
        using DeviceTensor part = weights.Slice(3, 0, places);
        var inputs = new AttentionTensors { Query = query.Data, Key = key.Data, Value = key.Data, Bias = scores.Data };
        Backend.AttentionWeights(inputs, LuongMemory.MaskOf(lengths).And(PlacesOf(memory, mask)), default(NoModifier), [], part, s_given);
        if (_options.IsCutAfterSoftmax)
        {
            using Variable share = SentenceShare(queries, lengths, PlacesOf(memory, mask));
            using DeviceTensor whole = DeviceTensor.Allocate(Backend, part.Lengths);
            Backend.Multiply(part, share.Data, whole);
            Backend.Accumulate(whole, part);
        }
    }
}
