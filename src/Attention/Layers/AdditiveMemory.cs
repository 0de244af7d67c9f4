using Attention.Autodiff;

namespace Attention.Layers;

/// <summary>Keys projected once by <see cref="AdditiveAttentionLayer.Prepare"/>, and their values, for as many steps as a decoder takes.</summary>
public sealed class AdditiveMemory : IDisposable
{
    internal AdditiveMemory(Variable keys, Variable values) => (Keys, Values) = (keys, values);

    /// <summary>How many keys there are.</summary>
    public int Length => (int)Keys.Data.Lengths[2];

    /// <summary><c>[batch, 1, keyLength, hiddenSize]</c>.</summary>
    internal Variable Keys { get; }

    /// <summary><c>[batch, 1, keyLength, valueSize]</c>.</summary>
    internal Variable Values { get; }

    /// <summary>Gives the memory back; what a tape kept stays until it was played back.</summary>
    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
    }
}
