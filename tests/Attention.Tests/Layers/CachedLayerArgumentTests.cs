using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Layers;
using Attention.Operators;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What layers with caches refuse, by the parameter's name, and that every cache is then as long as it was.</summary>
public sealed class CachedLayerArgumentTests : IDisposable
{
    private const int Start = 3;

    private readonly MultiHeadAttention _layer = new(CachedModels.Attention("all"));
    private readonly TransformerEncoder _stack = new(CachedModels.LayerCount, CachedModels.Stack(NormOrder.Pre));
    private readonly KvCache[] _caches;
    private readonly KvCache _cache;
    private readonly Variable _input = CachedModels.Constant(CachedModels.Numbers(2, 4, 1), 2);
    private readonly int[] _sequences;

    public CachedLayerArgumentTests()
    {
        _cache = new ContiguousKvCache(_layer.CacheOptions());
        _caches = _stack.Caches(options => new ContiguousKvCache(options));
        _sequences = [_caches.Add(), _caches.Add()];
        _cache.Add();
        _cache.Add();
        using Variable prompt = CachedModels.Constant(CachedModels.Numbers(2, Start, 2), 2);
        _layer.Forward(prompt, _cache, _sequences).Dispose();
        _stack.Forward(prompt, _caches, _sequences).Dispose();
    }

    public void Dispose()
    {
        _caches.Append(_cache).Should().OnlyContain(cache => _sequences.All(sequence => cache.Length(sequence) == Start), "nothing was added");
        _layer.Dispose();
        _stack.Dispose();
        _caches.Free();
        _cache.Dispose();
        _input.Dispose();
    }

    [Fact]
    public void Input_OfAnotherShape()
    {
        using Variable narrow = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 2, 4, CachedModels.ModelSize - 1));
        using Variable flat = Variable.Constant(DeviceTensor.Zeros(CpuBackend.Shared, 2, CachedModels.ModelSize));
        foreach (Variable input in new[] { narrow, flat })
        {
            Refuses("input", () => _layer.Forward(input, _cache, _sequences));
            Refuses("input", () => _stack.Layers[0].Forward(input, _caches[0], _sequences));
            Refuses("input", () => _stack.Forward(input, _caches, _sequences));
        }
    }

    [Fact]
    public void Null()
    {
        Refuses("input", () => _layer.Forward(null!, _cache, _sequences));
        Refuses("cache", () => _layer.Forward(_input, null!, _sequences));
        Refuses("input", () => _stack.Forward(null!, _caches, _sequences));
        Refuses("caches", () => _stack.Forward(_input, null!, _sequences));
        Refuses("caches", () => _stack.Forward(_input, [_caches[0], null!, _caches[2]], _sequences));
    }

    [Fact]
    public void Cache_OfOtherHeads()
    {
        KvCacheOptions options = _layer.CacheOptions();
        foreach (KvCacheOptions other in new[]
        {
            options with { KeyValueHeads = options.KeyValueHeads + 1 },
            options with { HeadSize = options.HeadSize + 1 },
            options with { ValueSize = options.ValueSize + 1 },
        })
        {
            using ContiguousKvCache cache = new(other);
            cache.Add();
            cache.Add();
            Refuses("cache", () => _layer.Forward(_input, cache, _sequences));
            Refuses("caches", () => _stack.Forward(_input, [_caches[0], _caches[1], cache], _sequences));
            cache.Length(1).Should().Be(0);
        }
    }

    [Fact]
    public void Caches_TooFew_Twice_OrOfOtherLengths()
    {
        using ContiguousKvCache behind = new(_layer.CacheOptions());
        behind.Add();
        behind.Add();
        Refuses("caches", () => _stack.Forward(_input, _caches[..2], _sequences));
        Refuses("caches", () => _stack.Forward(_input, [_caches[0], _caches[1], _caches[0]], _sequences));
        Refuses("caches", () => _stack.Forward(_input, [_caches[0], _caches[1], behind], _sequences)).WithMessage("*[0, 0]*layer 2*[3, 3]*");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0, 1, 1)]
    [InlineData(1, 1)]
    [InlineData(0, 7)]
    [InlineData(0, -1)]
    public void Sequences_OfAnotherNumber_Twice_OrUnknown(params int[] sequences)
    {
        Refuses("sequences", () => _layer.Forward(_input, _cache, sequences));
        Refuses("sequences", () => _stack.Layers[0].Forward(_input, _caches[0], sequences));
        Refuses("sequences", () => _stack.Forward(_input, _caches, sequences));
    }

    [Fact]
    public void Sequence_ThatOneCacheFreed()
    {
        int freed = _cache.Add();
        _cache.Free(freed);
        Refuses("sequences", () => _layer.Forward(_input, _cache, [0, freed])).WithMessage("*freed*");

        _caches.Add();
        _caches[2].Free(2);
        Refuses("sequences", () => _stack.Forward(_input, _caches, [0, 2])).WithMessage("*freed*");
    }

    [Fact]
    public void Input_OnATape_WhichRecordsNothing()
    {
        using var tape = new Tape();
        using Variable watched = tape.Watch(DeviceTensor.Zeros(CpuBackend.Shared, 2, 4, CachedModels.ModelSize));
        Action[] calls =
        [
            () => _layer.Forward(watched, _cache, _sequences),
            () => _stack.Layers[0].Forward(watched, _caches[0], _sequences),
            () => _stack.Forward(watched, _caches, _sequences),
        ];
        foreach (Action call in calls)
        {
            call.Should().Throw<InvalidOperationException>().WithMessage("*gradient*");
        }

        tape.Count.Should().Be(0);
    }

    /// <summary>The slopes are for other heads, which shows only when attention runs, after the keys were added.</summary>
    [Fact]
    public void Modifier_OfOtherHeads() =>
        Refuses("modifier", () => _layer.Forward(_input, _cache, _sequences, new AlibiModifier(5)));

    [Fact]
    public void Norm_ThatDoesNotExist()
    {
        TransformerOptions options = CachedModels.Stack(NormOrder.Pre);
        Refuses("options", () => new TransformerEncoder(1, options with { Norm = (NormalizationKind)7 }));
        Refuses("options", () => new TransformerEncoder(1, options with { NormEpsilon = float.NaN }));
    }

    /// <summary>The last layer's cache is the one that is full: those before must be given back what they got.</summary>
    [Fact]
    public void OutOfPages_InALaterLayer_LeavesEveryCacheAsItWas()
    {
        KvCache[] caches =
        [
            new PagedKvCache(_layer.CacheOptions(), pages: 20),
            new RollingKvCache(_layer.CacheOptions(), new KeyWindow { Size = 64 }),
            new PagedKvCache(_layer.CacheOptions(), pages: 2),
        ];
        int sequence = caches.Add();
        float[] numbers = CachedModels.Numbers(1, 32, 5);
        int first = 20 * CachedModels.ModelSize;
        float[] before = CachedModels.Run(x => _stack.Forward(x, caches, [sequence]), numbers[..first], 20);
        using Variable tooMany = CachedModels.Constant(CachedModels.Numbers(1, 100, 6), 1);

        ((Action)(() => _stack.Forward(tooMany, caches, [sequence]))).Should().Throw<OutOfPagesException>();

        caches.Should().OnlyContain(cache => cache.Length(sequence) == 20);
        ((PagedKvCache)caches[0]).PagesInUse.Should().Be(2);
        float[] after = CachedModels.Run(x => _stack.Forward(x, caches, [sequence]), numbers[first..], 5, 7);
        KvCache[] fresh = _stack.Caches(options => new ContiguousKvCache(options));
        int other = fresh.Add();
        Tolerance.SameBits(
            "after the failure", [.. before, .. after], CachedModels.Run(x => _stack.Forward(x, fresh, [other]), numbers, 32));
        caches.Free();
        fresh.Free();
    }

    private static FluentAssertions.Specialized.ExceptionAssertions<ArgumentException> Refuses(string parameter, Func<object> call) =>
        call.Should().Throw<ArgumentException>().WithParameterName(parameter);
}
