using Attention.Caching;
using Attention.TestKit;

namespace Attention.Tests.Caching;

/// <summary>Bad input to caches: the parameter is named, and nothing changes.</summary>
public class KvCacheArgumentTests
{
    private static readonly AttentionShape s_shape = new(1, 2, 2, 40, 40, 8, 12);

    public static TheoryData<string, int[]> WrongShapes => new()
    {
        { "key", [2, 3, 8] },
        { "key", [2, 2, 3, 8, 1] },
        { "key", [1, 2, 3, 8] },
        { "key", [2, 1, 3, 8] },
        { "key", [2, 4, 3, 8] },
        { "key", [2, 2, 3, 7] },
        { "value", [2, 3, 12] },
        { "value", [1, 2, 3, 12] },
        { "value", [2, 4, 3, 12] },
        { "value", [2, 2, 4, 12] },
        { "value", [2, 2, 3, 8] },
    };

    public static TheoryData<KvCacheOptions> WrongOptions =>
    [
        new() { KeyValueHeads = 0, HeadSize = 8 },
        new() { KeyValueHeads = -1, HeadSize = 8 },
        new() { KeyValueHeads = 2, HeadSize = 0 },
        new() { KeyValueHeads = 2, HeadSize = 8, ValueSize = -1 },
        new() { KeyValueHeads = 2, HeadSize = 8, Storage = (KvStorage)3 },
        new() { KeyValueHeads = 2, HeadSize = 8, MaxDegreeOfParallelism = -1 },
        new() { KeyValueHeads = 2, HeadSize = 8, Width = (Attention.Simd.SimdWidth)77 },
    ];

    [Theory]
    [MemberData(nameof(WrongShapes))]
    public void AWrongShape_IsNamed(string parameter, int[] lengths)
    {
        nint[] axes = Array.ConvertAll(lengths, length => (nint)length);
        Layout key = Layout.Contiguous(parameter == "key" ? axes : [2, 2, 3, 8]);
        Layout value = Layout.Contiguous(parameter == "value" ? axes : [2, 2, 3, 12]);

        Refused(parameter, (cache, ids) => cache.Append(ids, key.Read(new float[1000]), value.Read(new float[1000])))
            .Message.Should().Contain($"[{string.Join(", ", lengths)}]");
    }

    [Fact]
    public void ALastAxisThatIsNotContiguous_IsNamed()
    {
        Layout right = Layout.Contiguous(2, 2, 3, 8);
        Layout wrong = Layout.Strided([2, 2, 3, 8], [96, 48, 16, 2]);

        Refused("key", (cache, ids) => cache.Append(ids, wrong.Read(new float[1000]), Layout.Contiguous(2, 2, 3, 12).Read(new float[1000])));
        Refused(
            "value",
            (cache, ids) => cache.Append(
                ids, right.Read(new float[1000]), Layout.Strided([2, 2, 3, 12], [144, 72, 24, 2]).Read(new float[1000])));
    }

    [Theory]
    [InlineData(new[] { 1 })]
    [InlineData(new[] { 1, 2, 3 })]
    [InlineData(new[] { -1, 2 })]
    [InlineData(new[] { 2, 4 })]
    public void WrongLengths_AreNamed(int[] lengths) =>
        Refused("newLengths", (cache, ids) => Append(cache, ids, lengths));

    [Fact]
    public void WrongSequences_AreNamed()
    {
        Refused("sequences", (cache, ids) => Append(cache, [ids[0], ids[0]]));
        Refused("sequences", (cache, ids) => Append(cache, [ids[0], 77]));
        Refused("sequences", (cache, ids) => Append(cache, [-1, ids[1]]));
        Refused("key", (cache, ids) => Append(cache, [ids[0]]));
    }

    [Theory]
    [MemberData(nameof(WrongOptions), DisableDiscoveryEnumeration = true)]
    public void AWrongOption_IsNamed(KvCacheOptions options)
    {
        FluentActions.Invoking(() => new ContiguousKvCache(options)).Should().Throw<ArgumentException>().WithParameterName(nameof(options));
        FluentActions.Invoking(() => new PagedKvCache(options, 3)).Should().Throw<ArgumentException>().WithParameterName(nameof(options));
    }

    [Fact]
    public void WrongSizesOfACache_AreNamed()
    {
        KvCacheOptions options = CacheKinds.Options(s_shape);

        FluentActions.Invoking(() => new ContiguousKvCache(null!)).Should().Throw<ArgumentNullException>().WithParameterName("options");
        FluentActions.Invoking(() => new ContiguousKvCache(options, -1)).Should().Throw<ArgumentException>().WithParameterName("initialCapacity");
        FluentActions.Invoking(() => new PagedKvCache(options, 0)).Should().Throw<ArgumentException>().WithParameterName("pages");
        foreach (int pageSize in new[] { 0, -16, 8, 17 })
        {
            FluentActions.Invoking(() => new PagedKvCache(options, 3, pageSize)).Should().Throw<ArgumentException>().WithParameterName("pageSize");
        }

        foreach (KeyWindow window in new KeyWindow[] { default, new() { Size = -1 }, new() { Size = 4, Kept = -1 } })
        {
            FluentActions.Invoking(() => new RollingKvCache(options, window)).Should().Throw<ArgumentException>().WithParameterName("window");
        }

        FluentActions.Invoking(() => new RollingKvCache(options, new KeyWindow { Size = 4 }, -1))
            .Should().Throw<ArgumentException>().WithParameterName("rollback");
    }

    private static void Append(KvCache cache, int[] ids, int[]? lengths = null) => cache.Append(
        ids, Layout.Contiguous(2, 2, 3, 8).Read(new float[1000]), Layout.Contiguous(2, 2, 3, 12).Read(new float[1000]), lengths);

    /// <summary>Two sequences of 20 tokens, one a fork of the other, that must be as they were, to the page.</summary>
    private static ArgumentException Refused(string parameter, Action<KvCache, int[]> call)
    {
        ArgumentException? exception = null;
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        foreach (CacheKind kind in CacheKinds.All)
        {
            using KvCache cache = CacheKinds.Create(kind, CacheKinds.Options(s_shape));
            CachedSequence expected = new CachedSequence(cache, problem).Run(40);
            CachedSequence sequence = new CachedSequence(cache, problem).Run(20);
            int[] ids = [sequence.Id, cache.Fork(sequence.Id)];
            long bytes = cache.AllocatedBytes;
            int pages = (cache as PagedKvCache)?.PagesInUse ?? 0;

            exception = FluentActions.Invoking(() => call(cache, ids)).Should().Throw<ArgumentException>().WithParameterName(parameter).Which;

            cache.AllocatedBytes.Should().Be(bytes);
            ((cache as PagedKvCache)?.PagesInUse ?? 0).Should().Be(pages);
            ids.Select(cache.Length).Should().Equal(20, 20);
            sequence.Run(20).ShouldEqual(expected, $"{kind} after a refusal");
        }

        return exception!;
    }
}
