using Attention.Autodiff;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// What an <see cref="AdditiveAttentionLayer"/> attends to, projected once for any number of queries. Under a tape it is part of the
/// tape's computation.
/// </summary>
public sealed class AdditiveMemory : IDisposable
{
    internal AdditiveMemory(AdditiveAttentionLayer layer, Variable key, Variable value, KeyLengthMask mask)
    {
        Layer = layer;
        Key = key;
        Value = value;
        Mask = mask;
    }

    /// <summary>Sequences.</summary>
    public nint Batch => Key.Data.Lengths[0];

    /// <summary>Keys of each.</summary>
    public nint KeyLength => Key.Data.Lengths[2];

    /// <summary>Numbers of a value, and of a context.</summary>
    public nint ValueSize => Value.Data.Lengths[3];

    internal AdditiveAttentionLayer Layer { get; }

    /// <summary>[batch, 1, keyLength, hiddenSize].</summary>
    internal Variable Key { get; }

    /// <summary>[batch, 1, keyLength, valueSize].</summary>
    internal Variable Value { get; }

    /// <summary>Which keys are real.</summary>
    internal KeyLengthMask Mask { get; }

    /// <summary>Gives the memory back; what a tape kept stays until it was played back.</summary>
    public void Dispose()
    {
        Key.Dispose();
        Value.Dispose();
    }
}
