using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>A stack that decodes from caches computes what it computes over the whole sequence.</summary>
public class CachedTransformerTests
{
    private const int Length = 41;

    /// <summary>Each part of each layer may err on its own by what one part may.</summary>
    private const int Roundings = 16 * 2 * CachedModels.LayerCount;

    private static readonly string[] s_kinds = ["contiguous", "rolling", "paged", "large pages"];

    public static IEnumerable<object[]> Cases =>
        from order in Enum.GetValues<NormOrder>()
        from attention in new[] { "plain", "rotary", "all" }
        select new object[] { order, attention };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Cached_IsTheCausalPass_AndPartsGiveTheSameBits(NormOrder order, string attention)
    {
        using var stack = new TransformerEncoder(CachedModels.LayerCount, CachedModels.Stack(order, attention));
        float[] numbers = CachedModels.Numbers(1, Length, 1);
        float[] expected = CachedModels.Run(x => stack.Forward(x, CausalMask.TopLeft), numbers, Length);
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            float[]? whole = null;
            foreach (string kind in s_kinds)
            {
                foreach (int[] parts in new int[][] { [Length], [5, 17, Length - 22], CachedModels.Steps(Length) })
                {
                    float[] actual = Decode(stack, kind, storage, numbers, parts);

                    whole ??= actual;
                    Tolerance.SameBits($"{kind}, {storage}, {parts.Length} parts", actual, whole);
                }
            }

            if (storage == KvStorage.Float32)
            {
                Tolerance.Reordered($"{order}, {attention}", whole!, expected, Roundings);
            }
        }
    }

    [Fact]
    public void Rolling_IsTheWindowWithItsSinks_InEveryLayer()
    {
        const int Long = 150;
        KeyWindow window = new() { Size = 18, Kept = 4 };
        using var stack = new TransformerEncoder(CachedModels.LayerCount, CachedModels.Stack(NormOrder.Pre));
        float[] numbers = CachedModels.Numbers(1, Long, 2);
        float[] expected = CachedModels.Run(x => stack.Forward(x, CachedModels.Mask(window)), numbers, Long);
        KvCache[] caches = stack.Caches(options => new RollingKvCache(options, window));
        int sequence = caches.Add();
        float[] actual = CachedModels.Run(x => stack.Forward(x, caches, [sequence]), numbers, [90, .. CachedModels.Steps(Long - 90)]);

        Tolerance.Reordered("window", actual, expected, Roundings);
        caches.Free();
    }

    [Theory]
    [InlineData("contiguous")]
    [InlineData("rolling")]
    [InlineData("paged")]
    [InlineData("large pages")]
    public void Forks_GoTheirOwnWays(string kind)
    {
        const int Shared = 21;
        using var stack = new TransformerEncoder(CachedModels.LayerCount, CachedModels.Stack(NormOrder.Pre));
        KvCache[] caches = stack.Caches(options => CachedModels.Cache(kind, options));
        float[] prompt = CachedModels.Numbers(1, Shared, 3);
        float[] first = CachedModels.Numbers(1, 12, 4);
        float[] second = CachedModels.Numbers(1, 12, 5);
        int parent = caches.Add();
        float[] prompted = CachedModels.Run(x => stack.Forward(x, caches, [parent]), prompt, Shared);
        int child = caches.Fork(parent);

        using Variable input = CachedModels.Constant([.. first, .. second], 2);
        using Variable output = stack.Forward(input, caches, [parent, child]);

        float[] both = output.Data.ToArray();
        Tolerance.SameBits("parent", [.. prompted, .. both.AsSpan(0, first.Length)], Decode(stack, "contiguous", KvStorage.Float32, [.. prompt, .. first], [Shared + 12]));
        Tolerance.SameBits("child", [.. prompted, .. both.AsSpan(first.Length)], Decode(stack, "contiguous", KvStorage.Float32, [.. prompt, .. second], [Shared + 12]));
        caches.Free();
    }

    [Theory]
    [InlineData("contiguous")]
    [InlineData("rolling")]
    [InlineData("paged")]
    [InlineData("large pages")]
    public void TrimmedTokens_WereNeverThere(string kind)
    {
        const int Kept = 25;
        using var stack = new TransformerEncoder(CachedModels.LayerCount, CachedModels.Stack(NormOrder.Pre));
        KvCache[] caches = stack.Caches(options => CachedModels.Cache(kind, options));
        float[] numbers = CachedModels.Numbers(1, Length, 6);
        int kept = Kept * CachedModels.ModelSize;
        int sequence = caches.Add();
        float[] before = CachedModels.Run(x => stack.Forward(x, caches, [sequence]), numbers[..kept], Kept);
        CachedModels.Run(x => stack.Forward(x, caches, [sequence]), CachedModels.Numbers(1, 30, 7), 30);
        Array.ForEach(caches, cache => cache.Trim(sequence, Kept));

        float[] after = CachedModels.Run(x => stack.Forward(x, caches, [sequence]), numbers[kept..], Length - Kept);

        Tolerance.SameBits(kind, [.. before, .. after], Decode(stack, "contiguous", KvStorage.Float32, numbers, [Length]));
        caches.Free();
    }

    /// <summary>A part of a larger batch is an input like any other, a single position of every sequence too.</summary>
    [Fact]
    public void Slices_AreInputsLikeAnyOther()
    {
        using var stack = new TransformerEncoder(CachedModels.LayerCount, CachedModels.Stack(NormOrder.Pre));
        KvCache[] caches = stack.Caches(options => CachedModels.Cache("paged", options));
        int[] sequences = [caches.Add(), caches.Add()];
        float[] numbers = CachedModels.Numbers(2, Length, 12);
        using Variable whole = CachedModels.Constant(numbers, 2);
        float[][] outputs = [[], []];
        foreach ((int start, int count) in new[] { (0, 30), (30, 1), (31, 0), (31, Length - 31) })
        {
            using Variable part = whole.Slice(1, start, count);
            using Variable output = stack.Forward(part, caches, sequences);
            float[] both = output.Data.ToArray();
            outputs[0] = [.. outputs[0], .. both.AsSpan(0, both.Length / 2)];
            outputs[1] = [.. outputs[1], .. both.AsSpan(both.Length / 2)];
        }

        for (int i = 0; i < 2; i++)
        {
            float[] own = numbers[(i * numbers.Length / 2)..((i + 1) * numbers.Length / 2)];
            Tolerance.SameBits($"sequence {i}", outputs[i], Decode(stack, "contiguous", KvStorage.Float32, own, [Length]));
        }

        caches.Free();
    }

    [Fact]
    public void AnyNumberOfThreads_GivesTheSameBits()
    {
        float[] numbers = CachedModels.Numbers(1, Length, 8);
        float[]? single = null;
        foreach (int threads in new[] { 1, 2, 3, 7 })
        {
            var backend = new CpuBackend(threads);
            using var stack = new TransformerEncoder(CachedModels.LayerCount, CachedModels.Stack(NormOrder.Pre), backend);
            KvCache[] caches = stack.Caches(options => CachedModels.Cache("paged", options));
            int sequence = caches.Add();
            using Variable prompt = CachedModels.Constant(numbers, 1, backend);
            using Variable next = CachedModels.Constant(numbers[..CachedModels.ModelSize], 1, backend);
            using Variable prefilled = stack.Forward(prompt, caches, [sequence]);
            using Variable decoded = stack.Forward(next, caches, [sequence]);
            float[] outputs = [.. prefilled.Data.ToArray(), .. decoded.Data.ToArray()];

            single ??= outputs;
            Tolerance.SameBits($"{threads} threads", outputs, single);
            stack.Layers[0].SelfAttention.CacheOptions().MaxDegreeOfParallelism.Should().Be(threads);
            caches.Free();
        }
    }

    [Fact]
    public void Parameters_AreNamedAsInPyTorch_AndWithoutBiasesWhereThereAreNone()
    {
        using var plain = new TransformerEncoderLayer(CachedModels.Stack(NormOrder.Post, "plain"));
        using var modern = new TransformerEncoder(1, CachedModels.Stack(NormOrder.Pre));

        plain.NamedParameters().Select(entry => entry.Key).Should().BeEquivalentTo(
            "self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight", "self_attn.out_proj.bias",
            "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias", "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias");
        modern.NamedParameters().Select(entry => entry.Key).Should().BeEquivalentTo(
            "layers.0.self_attn.in_proj_weight", "layers.0.self_attn.out_proj.weight", "layers.0.self_attn.q_norm.weight",
            "layers.0.self_attn.k_norm.weight", "layers.0.self_attn.gate.weight", "layers.0.self_attn.gate.bias",
            "layers.0.linear1.weight", "layers.0.linear2.weight", "layers.0.gate.weight",
            "layers.0.norm1.weight", "layers.0.norm2.weight", "norm.weight");
    }

    /// <summary>The norm that the options ask for is the layer of that name.</summary>
    [Fact]
    public void RootMeanSquareStack_EndsWithAnRmsNorm()
    {
        TransformerOptions options = CachedModels.Stack(NormOrder.Pre) with { NormEpsilon = 0.25f };
        using var stack = new TransformerEncoder(1, options);
        using var norm = new RmsNorm(CachedModels.ModelSize, 0.25f);
        float[] numbers = CachedModels.Numbers(1, Length, 11);

        float[] actual = CachedModels.Run(x => stack.Forward(x, CausalMask.TopLeft), numbers, Length);
        float[] expected = CachedModels.Run(
            x =>
            {
                using Variable inner = stack.Layers[0].Forward(x, CausalMask.TopLeft);
                return norm.Forward(inner);
            },
            numbers, Length);

        Tolerance.SameBits("stack", actual, expected);
    }

    private static float[] Decode(TransformerEncoder stack, string kind, KvStorage storage, float[] numbers, int[] parts)
    {
        KvCache[] caches = stack.Caches(options => CachedModels.Cache(kind, options), storage);
        int sequence = caches.Add();
        float[] outputs = CachedModels.Run(x => stack.Forward(x, caches, [sequence]), numbers, parts);
        caches.Free();
        return outputs;
    }

    [Fact]
    public void AModifier_GoesThroughTheStack_CachedOrNot()
    {
        using var stack = new TransformerEncoder(CachedModels.LayerCount, CachedModels.Stack(NormOrder.Pre));
        AlibiModifier alibi = new(stack.Layers[0].Options.Attention.Heads);
        float[] numbers = CachedModels.Numbers(1, Length, 1);
        float[] expected = CachedModels.Run(x => stack.Forward(x, CausalMask.TopLeft, alibi), numbers, Length);
        float[] plain = CachedModels.Run(x => stack.Forward(x, CausalMask.TopLeft), numbers, Length);
        ContiguousKvCache[] caches = [.. stack.Layers.Select(static layer => new ContiguousKvCache(layer.SelfAttention.CacheOptions()))];
        int[] sequence = [.. caches.Select(static cache => cache.Add()).Distinct()];

        float[] actual = CachedModels.Run(x => stack.Forward(x, caches, sequence, alibi), numbers, Length);

        Tolerance.Reordered("alibi", actual, expected, Roundings);
        actual.Should().NotEqual(plain);
        Array.ForEach(caches, static cache => cache.Dispose());
    }
}
