using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Layers;
using Attention.Operators;
using Attention.Policies;
using Attention.Positions;

namespace Attention.Tests.Layers;

/// <summary>Layers of ragged sizes, the caches that they decode from, and inputs.</summary>
internal static class CachedModels
{
    internal const int ModelSize = 27;
    internal const int LayerCount = 3;

    /// <summary>What attention is made of, by name; the last has all there is.</summary>
    internal static readonly string[] Attentions = ["plain", "grouped", "rotary", "normed", "gated", "all"];

    internal static MultiHeadAttentionOptions Attention(string name)
    {
        bool all = name == "all";
        return new MultiHeadAttentionOptions
        {
            ModelSize = ModelSize,
            Heads = name == "plain" ? 3 : 6,
            HeadSize = name == "plain" ? null : 10,
            KeyValueHeads = name == "grouped" || all ? 2 : null,
            HasBias = !all,
            HasOutputBias = !all,
            HasQueryKeyNorm = name == "normed" || all,
            HasOutputGate = name == "gated" || all,
            Rotary = name == "rotary" || all ? new Rotation(new RotaryTable(6), all ? RotaryLayout.Half : RotaryLayout.Interleaved) : null,
            Scale = all ? 0.4f : null,
            Seed = 5,
        };
    }

    /// <summary>A stack: BERT's kind where it normalises after, else LLaMA's.</summary>
    internal static TransformerOptions Stack(NormOrder order, string attention = "all") => new()
    {
        Attention = Attention(attention),
        FeedForwardSize = 45,
        FeedForward = order == NormOrder.Pre ? FeedForwardKind.SwiGlu : FeedForwardKind.Gelu,
        Norm = order == NormOrder.Pre ? NormalizationKind.RootMeanSquare : NormalizationKind.Layer,
        HasBias = order == NormOrder.Post,
        NormOrder = order,
        Seed = 9,
    };

    /// <summary>A cache by the name of its kind.</summary>
    internal static KvCache Cache(string kind, KvCacheOptions options) => kind switch
    {
        "contiguous" => new ContiguousKvCache(options),
        "paged" => new PagedKvCache(options, pages: 64),
        "large pages" => new PagedKvCache(options, pages: 16, pageSize: 48),
        "rolling" => new RollingKvCache(options, new KeyWindow { Size = 1000 }),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind."),
    };

    /// <summary>What a window with kept first keys is without a cache.</summary>
    internal static AndMask<CausalMask, OrMask<WindowMask, KeyLengthMask>> Mask(KeyWindow window, int batch = 1)
    {
        int[] kept = new int[batch];
        Array.Fill(kept, window.Kept);
        return CausalMask.TopLeft.And(new WindowMask(window.Size - 1, 0).Or(new KeyLengthMask(kept)));
    }

    /// <summary>Numbers in (-1, 1), <c>[batch, length, modelSize]</c>.</summary>
    internal static float[] Numbers(int batch, int length, int seed)
    {
        Random random = new(seed);
        float[] numbers = new float[batch * length * ModelSize];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = random.NextSingle() * 2 - 1;
        }

        return numbers;
    }

    internal static Variable Constant(float[] numbers, int batch, IComputeBackend? backend = null) => Variable.Constant(
        DeviceTensor.Create(backend ?? CpuBackend.Shared, numbers, batch, numbers.Length / batch / ModelSize, ModelSize));

    /// <summary>Runs one sequence in parts of the given lengths, one after the other, and joins what comes out.</summary>
    internal static float[] Run(Func<Variable, Variable> forward, float[] numbers, params int[] parts)
    {
        List<float> outputs = [];
        int start = 0;
        foreach (int part in parts)
        {
            using Variable input = Constant(numbers[(start * ModelSize)..((start + part) * ModelSize)], 1);
            using Variable output = forward(input);
            output.Data.Lengths.ToArray().Should().Equal(1, part, ModelSize);
            outputs.AddRange(output.Data.ToArray());
            start += part;
        }

        outputs.Count.Should().Be(numbers.Length, "the parts make up the whole");
        return [.. outputs];
    }

    /// <summary><paramref name="length"/> times 1.</summary>
    internal static int[] Steps(int length)
    {
        int[] steps = new int[length];
        Array.Fill(steps, 1);
        return steps;
    }

    /// <summary>A cache for each layer of a stack, with a sequence in each.</summary>
    internal static KvCache[] Caches(this TransformerEncoder stack, Func<KvCacheOptions, KvCache> create, KvStorage storage = KvStorage.Float32) =>
        [.. stack.Layers.Select(layer => create(layer.SelfAttention.CacheOptions(storage)))];

    /// <summary>The number of a new sequence, the same in every cache.</summary>
    internal static int Add(this KvCache[] caches) => caches.Select(cache => cache.Add()).Distinct().Single();

    /// <summary>The number of a copy of a sequence, the same in every cache.</summary>
    internal static int Fork(this KvCache[] caches, int sequence) => caches.Select(cache => cache.Fork(sequence)).Distinct().Single();

    internal static void Free(this KvCache[] caches) => Array.ForEach(caches, cache => cache.Dispose());
}
