using Attention.Backends;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Comparison.Work;

/// <summary>A Transformer's layer to compute: multi-head self-attention alone, or a whole encoder layer, without dropout.</summary>
internal sealed record LayerTask(int Batch, int Length, int ModelSize, int Heads)
{
    /// <summary>Numbers within the feed-forward block of an encoder layer; 0 for attention alone.</summary>
    internal int FeedForwardSize { get; init; }

    /// <summary>Whether gradients of the input and all parameters are wanted as well.</summary>
    internal bool Training { get; init; }

    internal int Count => Batch * Length * ModelSize;

    /// <summary>Multiplications and additions of the products; the way back has twice as many, and attention half as many again.</summary>
    internal double Operations
    {
        get
        {
            double tokens = (double)Batch * Length;
            double linear = 2 * tokens * ModelSize * (4.0 * ModelSize + 2.0 * FeedForwardSize);
            double attention = 4 * tokens * Length * ModelSize;
            return Training ? 3 * linear + 3.5 * attention : linear + attention;
        }
    }

    internal float[] Input() => AttentionProblems.Normal(new Random(3), Count);

    internal float[] OutputGradient() => AttentionProblems.Normal(new Random(4), Count);

    /// <summary>The library's layer, whose weights the peers copy.</summary>
    internal Layer Create(IComputeBackend backend)
    {
        var attention = new MultiHeadAttentionOptions { ModelSize = ModelSize, Heads = Heads, Seed = 5 };
        return FeedForwardSize == 0
            ? new MultiHeadAttention(attention, backend)
            : new TransformerEncoderLayer(new TransformerOptions { Attention = attention, FeedForwardSize = FeedForwardSize, Seed = 5 }, backend);
    }

    /// <summary>Its weights by PyTorch's names.</summary>
    internal Dictionary<string, (float[] Values, long[] Shape)> Weights()
    {
        using Layer layer = Create(CpuBackend.Shared);
        return layer.NamedParameters().ToDictionary(
            entry => entry.Key,
            entry => (entry.Value.Data.ToArray(), Array.ConvertAll(entry.Value.Data.Lengths.ToArray(), length => (long)length)));
    }
}
