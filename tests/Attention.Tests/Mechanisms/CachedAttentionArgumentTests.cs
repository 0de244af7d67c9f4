using Attention.Caching;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to attention over a cache: the parameter is named, and nothing is written.</summary>
public class CachedAttentionArgumentTests
{
    private static readonly KvCacheOptions s_options = new() { KeyValueHeads = 2, HeadSize = 6, ValueSize = 3 };

    public static TheoryData<string, int[]> WrongShapes => new()
    {
        { "query", [8, 5, 6] },
        { "query", [1, 4, 5, 6] },
        { "query", [2, 3, 5, 6] },
        { "query", [2, 0, 5, 6] },
        { "query", [2, 4, 5, 7] },
        { "output", [8, 5, 3] },
        { "output", [2, 2, 5, 3] },
        { "output", [2, 4, 6, 3] },
        { "output", [2, 4, 5, 6] },
        { "logSumExp", [8, 5] },
        { "logSumExp", [2, 4, 6] },
        { "queryLengths", [1] },
        { "queryLengths", [-1, 1] },
        { "queryLengths", [1, 6] },
        { "sequences", [0, 2] },
        { "sinkLogits", [3] },
    };

    public static TheoryData<AttentionOptions> WrongOptions =>
    [
        new() { Scale = float.NaN },
        new() { Dropout = 0.1f },
        new() { MaxDegreeOfParallelism = -1 },
        new() { Width = (Attention.Simd.SimdWidth)77 },
    ];

    [Theory]
    [MemberData(nameof(WrongShapes))]
    public void AWrongArgument_IsNamed(string parameter, int[] lengths)
    {
        Call call = new();
        call.Lengths[parameter] = lengths;

        call.ShouldThrow(parameter);
    }

    [Theory]
    [MemberData(nameof(WrongOptions), DisableDiscoveryEnumeration = true)]
    public void AWrongOption_IsNamed(AttentionOptions options) => new Call { Options = options }.ShouldThrow("options");

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(4, -1)]
    [InlineData(0, 2)]
    [InlineData(9, 0)]
    [InlineData(8, 3)]
    public void AWrongWindow_IsNamed(int size, int kept)
    {
        using RollingKvCache cache = new(s_options, new KeyWindow { Size = 8, Kept = 2 });
        new Call(cache) { Window = new KeyWindow { Size = size, Kept = kept } }.ShouldThrow("window");
    }

    [Fact]
    public void OverlappingResults_AreNamed()
    {
        new Call { Shared = "query" }.ShouldThrow("output");
        new Call { Shared = "sinkLogits" }.ShouldThrow("output");
        new Call { Shared = "logSumExp" }.ShouldThrow("logSumExp");
    }

    [Fact]
    public void AModifierForOtherHeads_IsNamed()
    {
        new Call().Invoking(call => call.Run(new AlibiModifier(3))).Should().Throw<ArgumentException>().WithParameterName("modifier");
    }

    [Fact]
    public void NoCache_IsNamed()
    {
        FluentActions.Invoking(() => CachedAttention.Forward(null!, [], default, default))
            .Should().Throw<ArgumentNullException>().WithParameterName("cache");
    }

    [Fact]
    public void ARightCall_IsNotRefused() => new Call().Invoking(call => call.Run(new AlibiModifier(4))).Should().NotThrow();

    /// <summary>A call that is right until a test changes something.</summary>
    private sealed class Call
    {
        private const float Untouched = 7.5f;

        private readonly KvCache _cache;
        private readonly float[] _output = Filled();
        private readonly float[] _other = Filled();

        internal Call(KvCache? cache = null)
        {
            // No sequence has a token, so that every query is in order.
            _cache = cache ?? new ContiguousKvCache(s_options);
            _cache.Add();
            _cache.Add();
        }

        internal Dictionary<string, int[]> Lengths { get; } = new()
        {
            ["query"] = [2, 4, 5, 6],
            ["output"] = [2, 4, 5, 3],
            ["logSumExp"] = [2, 4, 5],
            ["queryLengths"] = [5, 4],
            ["sequences"] = [0, 1],
            ["sinkLogits"] = [4],
        };

        internal AttentionOptions Options { get; init; }

        internal KeyWindow Window { get; init; }

        /// <summary>What shares its memory with the output.</summary>
        internal string? Shared { get; init; }

        internal void Run<TModifier>(TModifier modifier)
            where TModifier : struct, IScoreModifier => CachedAttention.Forward(
            _cache, Lengths["sequences"], LayoutOf("query").Read(Memory("query", new float[1000])), Lengths["queryLengths"], Window, modifier,
            Memory("sinkLogits", new float[1000]).AsSpan(0, Lengths["sinkLogits"][0]), LayoutOf("output").Write(_output),
            LayoutOf("logSumExp").Write(Memory("logSumExp", _other)), Options);

        internal void ShouldThrow(string parameter)
        {
            this.Invoking(call => call.Run(default(NoModifier))).Should().Throw<ArgumentException>().WithParameterName(parameter);
            Tolerance.SameBits("output", _output, Filled());
            Tolerance.SameBits("log-sum-exp", _other, Filled());
        }

        private Layout LayoutOf(string name) => Layout.Contiguous(Array.ConvertAll(Lengths[name], length => (nint)length));

        private float[] Memory(string name, float[] own) => Shared == name ? _output : own;

        private static float[] Filled()
        {
            float[] memory = new float[1000];
            Array.Fill(memory, Untouched);
            return memory;
        }
    }
}
