using Attention.Autodiff;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// What a <see cref="LocationAwareAttentionLayer"/> remembers of a batch of sources between the steps of a decoder: the projected
/// keys, computed once, and where it attended. For one thread at a time.
/// </summary>
public sealed class LocationAwareState : IDisposable
{
    internal LocationAwareState(Variable keys, Variable values, Variable location, KeyLengthMask mask)
    {
        Keys = keys;
        Values = values;
        Location = location;
        Mask = mask;
    }

    /// <summary>The alignment of the last step, <c>[batch, keyLength]</c>, or null before the first; it belongs to the state.</summary>
    public Variable? Alignment { get; private set; }

    /// <summary>
    /// What the next step's features are computed from, <c>[batch, keyLength]</c>: the alignment of the last step, or the sum of all;
    /// it belongs to the state.
    /// </summary>
    public Variable Location { get; private set; }

    internal Variable Keys { get; }

    internal Variable Values { get; }

    internal KeyLengthMask Mask { get; }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        Alignment?.Dispose();
        Location.Dispose();
        Keys.Dispose();
        Values.Dispose();
    }

    /// <summary>Goes on to behind these steps.</summary>
    internal void Advance(Variable alignments, bool isAccumulated)
    {
        (nint batch, nint steps, nint keys) = (alignments.Data.Lengths[0], alignments.Data.Lengths[1], alignments.Data.Lengths[2]);
        if (steps == 0)
        {
            return;
        }

        using Variable last = alignments.Slice(1, steps - 1, 1);
        Alignment?.Dispose();
        Alignment = last.Reshape(batch, keys);
        Variable before = Location;
        if (!isAccumulated)
        {
            Location = last.Reshape(batch, keys);
        }
        else if (steps == 1)
        {
            Location = Differentiable.Add(before, Alignment);
        }
        else
        {
            using Variable sum = Differentiable.SumAxis(alignments, 1);
            using Variable row = sum.Reshape(batch, keys);
            Location = Differentiable.Add(before, row);
        }

        before.Dispose();
    }
}
