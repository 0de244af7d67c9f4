using Attention.Autodiff;
using Attention.Caching;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Multi-head attention to a cache is the causal pass over the whole sequence, however the sequence comes in.</summary>
public class CachedAttentionLayerTests
{
    private const int Length = 53;

    private static readonly string[] s_kinds = ["contiguous", "rolling", "paged", "large pages"];

    public static IEnumerable<object[]> Attentions => CachedModels.Attentions.Select(name => new object[] { name });

    public static IEnumerable<object[]> Storages =>
        from kind in s_kinds
        from storage in Enum.GetValues<KvStorage>()
        select new object[] { kind, storage };

    [Theory]
    [MemberData(nameof(Attentions))]
    public void Cached_IsTheCausalPass(string attention)
    {
        using var layer = new MultiHeadAttention(CachedModels.Attention(attention));
        float[] numbers = CachedModels.Numbers(1, Length, 1);
        float[] expected = CachedModels.Run(x => layer.Forward(x, CausalMask.TopLeft), numbers, Length);

        foreach (string kind in s_kinds)
        {
            using KvCache cache = CachedModels.Cache(kind, layer.CacheOptions());
            int sequence = cache.Add();
            float[] actual = CachedModels.Run(x => layer.Forward(x, cache, [sequence]), numbers, Length);

            Tolerance.Reordered($"{attention}, {kind}", actual, expected);
            cache.Length(sequence).Should().Be(Length);
        }
    }

    [Theory]
    [MemberData(nameof(Attentions))]
    public void PartsAndSteps_GiveTheBitsOfOnePass(string attention)
    {
        using var layer = new MultiHeadAttention(CachedModels.Attention(attention));
        float[] numbers = CachedModels.Numbers(1, Length, 2);
        float[]? whole = null;
        foreach (string kind in s_kinds)
        {
            foreach (int[] parts in new int[][] { [Length], [1, 16, 3, Length - 20], [30, Length - 30], CachedModels.Steps(Length) })
            {
                using KvCache cache = CachedModels.Cache(kind, layer.CacheOptions());
                int sequence = cache.Add();
                float[] actual = CachedModels.Run(x => layer.Forward(x, cache, [sequence]), numbers, parts);

                whole ??= actual;
                Tolerance.SameBits($"{attention}, {kind}, {parts.Length} parts", actual, whole);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Storages))]
    public void PartsAndSteps_GiveTheSameBits_InEveryStorage(string kind, KvStorage storage)
    {
        using var layer = new MultiHeadAttention(CachedModels.Attention("all"));
        float[] numbers = CachedModels.Numbers(1, Length, 3);
        using KvCache plain = CachedModels.Cache("contiguous", layer.CacheOptions(storage));
        int reference = plain.Add();
        float[] whole = CachedModels.Run(x => layer.Forward(x, plain, [reference]), numbers, Length);
        foreach (int[] parts in new int[][] { [2, 31, Length - 33], CachedModels.Steps(Length) })
        {
            using KvCache cache = CachedModels.Cache(kind, layer.CacheOptions(storage));
            int sequence = cache.Add();
            float[] actual = CachedModels.Run(x => layer.Forward(x, cache, [sequence]), numbers, parts);

            Tolerance.SameBits($"{kind}, {storage}, {parts.Length} parts", actual, whole);
        }
    }

    /// <summary>
    /// Keys and values that are small numbers times 1/64, with a largest of 127/64 in every head, can be stored without loss in
    /// every storage: the bits must then be those of float32.
    /// </summary>
    [Fact]
    public void StoragesThatLoseNothing_GiveTheBitsOfFloat32()
    {
        using var layer = new MultiHeadAttention(new MultiHeadAttentionOptions { ModelSize = CachedModels.ModelSize, Heads = 3 });
        Parameter weight = layer.NamedParameters().Single(entry => entry.Key == "in_proj_weight").Value;
        weight.Data.Backend.Upload(ExactWeight(), weight.Data);
        Random random = new(4);
        float[] numbers = new float[Length * CachedModels.ModelSize];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = i % CachedModels.ModelSize == 0 ? 1 : random.Next(-1, 2);
        }

        float[] expected = CachedModels.Run(x => layer.Forward(x, CausalMask.TopLeft), numbers, Length);
        float[]? exact = null;
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            using KvCache cache = CachedModels.Cache("paged", layer.CacheOptions(storage));
            int sequence = cache.Add();
            float[] actual = CachedModels.Run(x => layer.Forward(x, cache, [sequence]), numbers, 9, Length - 9);

            exact ??= actual;
            Tolerance.SameBits($"{storage}", actual, exact);
            Tolerance.Reordered($"{storage}", actual, expected);
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(20, 0)]
    [InlineData(20, 3)]
    [InlineData(70, 65)]
    public void Rolling_IsTheWindowWithItsSinks(int size, int kept)
    {
        const int Long = 300;
        KeyWindow window = new() { Size = size, Kept = kept };
        using var layer = new MultiHeadAttention(CachedModels.Attention("all"));
        float[] numbers = CachedModels.Numbers(1, Long, 6);
        float[] expected = CachedModels.Run(x => layer.Forward(x, CachedModels.Mask(window)), numbers, Long);
        float[]? whole = null;
        foreach (int[] parts in new int[][] { [Long], [40, 100, 3, Long - 143], CachedModels.Steps(Long) })
        {
            using RollingKvCache cache = new(layer.CacheOptions(), window);
            int sequence = cache.Add();
            float[] actual = CachedModels.Run(x => layer.Forward(x, cache, [sequence]), numbers, parts);

            Tolerance.Reordered($"{window}, {parts.Length} parts", actual, expected);
            whole ??= actual;
            Tolerance.SameBits($"{window}, {parts.Length} parts", actual, whole);
        }
    }

    [Theory]
    [InlineData("rotary")]
    [InlineData("all")]
    public void SequencesOfDifferentLengths_GoOnWhereTheyEnd(string attention)
    {
        using var layer = new MultiHeadAttention(CachedModels.Attention(attention));
        using KvCache cache = CachedModels.Cache("paged", layer.CacheOptions());
        int[] starts = [0, 17, 5];
        const int More = 7;
        int[] sequences = [cache.Add(), cache.Add(), cache.Add()];
        float[][] numbers = [.. starts.Select((start, i) => CachedModels.Numbers(1, start + More, 10 + i))];
        float[] together = [];
        for (int i = 0; i < starts.Length; i++)
        {
            int start = starts[i] * CachedModels.ModelSize;
            int sequence = sequences[i];
            together = [.. together, .. numbers[i][start..]];
            CachedModels.Run(x => layer.Forward(x, cache, [sequence]), numbers[i][..start], starts[i] == 0 ? [] : [starts[i]]);
        }

        using Variable input = CachedModels.Constant(together, starts.Length);
        using Variable output = layer.Forward(input, cache, sequences);

        float[] actual = output.Data.ToArray();
        int width = More * CachedModels.ModelSize;
        for (int i = 0; i < starts.Length; i++)
        {
            using KvCache own = CachedModels.Cache("contiguous", layer.CacheOptions());
            int sequence = own.Add();
            float[] alone = CachedModels.Run(x => layer.Forward(x, own, [sequence]), numbers[i], starts[i] + More);
            float[] causal = CachedModels.Run(x => layer.Forward(x, CausalMask.TopLeft), numbers[i], starts[i] + More);
            Tolerance.SameBits($"sequence of {starts[i]}", actual.AsSpan(i * width, width), alone.AsSpan(^width..));
            Tolerance.Reordered($"sequence of {starts[i]}", actual.AsSpan(i * width, width), causal.AsSpan(^width..));
        }
    }

    [Fact]
    public void Modifier_SeesPositionsInTheSequence()
    {
        using var layer = new MultiHeadAttention(CachedModels.Attention("grouped"));
        AlibiModifier slopes = new(6);
        float[] numbers = CachedModels.Numbers(1, Length, 7);
        float[] expected = CachedModels.Run(x => layer.Forward(x, x, x, CausalMask.TopLeft, slopes), numbers, Length);
        using KvCache cache = CachedModels.Cache("paged", layer.CacheOptions());
        int sequence = cache.Add();
        float[] actual = CachedModels.Run(x => layer.Forward(x, cache, [sequence], slopes), numbers, [20, .. CachedModels.Steps(Length - 20)]);

        Tolerance.Reordered("ALiBi", actual, expected);
    }

    /// <summary>Each row of keys and values: 127/64 of the first input in each head's first number, small numbers of the others.</summary>
    private static float[] ExactWeight()
    {
        const int Size = CachedModels.ModelSize;
        Random random = new(8);
        float[] weight = new float[3 * Size * Size];
        for (int row = 0; row < 3 * Size; row++)
        {
            if (row % (Size / 3) == 0)
            {
                weight[row * Size] = 127f / 64;
                continue;
            }

            for (int column = 0; column < Size; column++)
            {
                weight[row * Size + column] = random.Next(-4, 5) / 64f;
            }
        }

        return weight;
    }
}
