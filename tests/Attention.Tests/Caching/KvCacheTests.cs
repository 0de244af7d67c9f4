using Attention.Caching;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Caching;

/// <summary>What all caches have in common: numbers of sequences, trimming, forking, memory.</summary>
public class KvCacheTests
{
    private static readonly AttentionShape s_shape = new(1, 2, 1, 120, 120, 8, 12);

    public static TheoryData<CacheKind, KvStorage> Cases
    {
        get
        {
            TheoryData<CacheKind, KvStorage> cases = [];
            foreach (CacheKind kind in CacheKinds.All)
            {
                foreach (KvStorage storage in Enum.GetValues<KvStorage>())
                {
                    cases.Add(kind, storage);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TrimAndAppendAgain_IsAsIfNothingHadBeen(CacheKind kind, KvStorage storage)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using KvCache cache = CacheKinds.Create(kind, CacheKinds.Options(s_shape, storage));
        CachedSequence expected = new CachedSequence(cache, problem).Run(120);
        foreach (int kept in new[] { 0, 1, 16, 30, 47, 48, 79 })
        {
            CachedSequence sequence = new CachedSequence(cache, problem).Run(80);
            CachedSequence guessed = new(cache, AttentionProblems.Random(s_shape, seed: 9), sequence.Id);
            guessed.Run(4);

            cache.Trim(sequence.Id, kept);

            cache.Length(sequence.Id).Should().Be(kept);
            sequence.Run(120 - kept).ShouldEqual(expected, $"trimmed to {kept}");
            cache.Free(sequence.Id);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Fork_GoesItsOwnWay(CacheKind kind, KvStorage storage)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using KvCache cache = CacheKinds.Create(kind, CacheKinds.Options(s_shape, storage));
        CachedSequence expected = new CachedSequence(cache, problem).Run(120);
        CachedSequence sequence = new CachedSequence(cache, problem).Run(50);

        CachedSequence fork = new(cache, AttentionProblems.Random(s_shape, seed: 9), cache.Fork(sequence.Id));
        fork.Run(70);

        sequence.Run(70).ShouldEqual(expected, "a fork has written");
        cache.Free(sequence.Id);
        cache.Length(fork.Id).Should().Be(120);
        fork.Invoking(each => each.Attend(120)).Should().NotThrow();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AFreedNumber_IsNeverValidAgain(CacheKind kind, KvStorage storage)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using KvCache cache = CacheKinds.Create(kind, CacheKinds.Options(s_shape, storage));
        CachedSequence sequence = new CachedSequence(cache, problem).Run(5);
        cache.SequenceCount.Should().Be(1);
        cache.Free(sequence.Id);
        int next = cache.Add();

        next.Should().NotBe(sequence.Id);
        cache.Contains(sequence.Id).Should().BeFalse();
        cache.SequenceCount.Should().Be(1);
        Refused(() => cache.Free(sequence.Id), "sequence");
        Refused(() => cache.Fork(sequence.Id), "sequence");
        Refused(() => cache.Length(sequence.Id), "sequence");
        Refused(() => cache.Trim(sequence.Id, 0), "sequence");
        Refused(
            () => cache.Append(
                [next, sequence.Id], Layout.Contiguous(2, 1, 1, 8).Read(new float[16]), Layout.Contiguous(2, 1, 1, 12).Read(new float[24])),
            "sequences");
        Refused(
            () => CachedAttention.Forward(
                cache, [sequence.Id], Layout.Contiguous(1, 2, 1, 8).Read(new float[16]), Layout.Contiguous(1, 2, 1, 12).Write(new float[24])),
            "sequences");
        cache.Length(next).Should().Be(0);

        static void Refused(Action call, string parameter) =>
            call.Should().Throw<ArgumentException>().WithParameterName(parameter).WithMessage("*freed*");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ADisposedCache_RefusesEverything(CacheKind kind, KvStorage storage)
    {
        KvCache cache = CacheKinds.Create(kind, CacheKinds.Options(s_shape, storage));
        CachedSequence sequence = new CachedSequence(cache, AttentionProblems.Random(s_shape)).Run(5);

        cache.Dispose();
        cache.Dispose();

        cache.Invoking(each => each.Add()).Should().Throw<ObjectDisposedException>();
        cache.Invoking(each => each.Fork(sequence.Id)).Should().Throw<ObjectDisposedException>();
        cache.Invoking(each => each.Length(sequence.Id)).Should().Throw<ObjectDisposedException>();
        sequence.Invoking(each => each.Attend(0)).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Length_OutsideOfTheSequenceIsNamed()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 8);
        CachedSequence sequence = new CachedSequence(cache, AttentionProblems.Random(s_shape)).Run(20);

        foreach (int length in new[] { -1, 21 })
        {
            cache.Invoking(each => each.Trim(sequence.Id, length)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("length");
        }

        cache.Length(sequence.Id).Should().Be(20);
        cache.PagesInUse.Should().Be(2);
    }

    [Theory]
    [InlineData(KvStorage.Float32, 4)]
    [InlineData(KvStorage.BFloat16, 2)]
    [InlineData(KvStorage.Int8, 1)]
    public void BytesPerToken_AreThoseOfItsNumbers(KvStorage storage, int bytes)
    {
        using ContiguousKvCache cache = new(new KvCacheOptions { KeyValueHeads = 8, HeadSize = 128, Storage = storage });

        cache.BytesPerToken.Should().Be(8 * ((256 * bytes) + (storage == KvStorage.Int8 ? 8 : 0)));
    }

    [Fact]
    public void InitialCapacity_IsTakenOnce()
    {
        using ContiguousKvCache cache = new(CacheKinds.Options(s_shape), initialCapacity: 120);
        CachedSequence sequence = new(cache, AttentionProblems.Random(s_shape));
        sequence.Append(1);
        long bytes = cache.AllocatedBytes;

        sequence.Append(119);

        cache.AllocatedBytes.Should().Be(bytes);
        bytes.Should().BeGreaterThanOrEqualTo((long)(128 * cache.BytesPerToken));
    }

    [Fact]
    public void RollingCache_TakesTheMemoryOfItsWindow()
    {
        AttentionShape shape = s_shape with { QueryLength = 3000, KeyLength = 3000 };
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        using RollingKvCache cache = new(CacheKinds.Options(shape), new KeyWindow { Size = 100, Kept = 4 });
        CachedSequence sequence = new(cache, problem);

        while (cache.Length(sequence.Id) < 3000)
        {
            sequence.Append(10);
            cache.Tables.Pool.InUse.Should().BeLessThanOrEqualTo(1 + 3);
        }

        cache.Free(sequence.Id);
        cache.Tables.Pool.InUse.Should().Be(0);
    }

    [Fact]
    public void RollingCache_RollsBackAsFarAsItSays()
    {
        AttentionShape shape = s_shape with { QueryLength = 900, KeyLength = 900 };
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        KeyWindow window = new() { Size = 70, Kept = 4 };
        using ContiguousKvCache all = new(CacheKinds.Options(shape));
        CachedSequence expected = new CachedSequence(all, problem) { Window = window }.Run(900);
        using RollingKvCache cache = new(CacheKinds.Options(shape), window, rollback: 200);
        CachedSequence sequence = new CachedSequence(cache, problem).Run([500, .. Enumerable.Repeat(1, 300)]);

        cache.Trim(sequence.Id, 600);
        sequence.Run(150, 150).ShouldEqual(expected, "after a rollback of 200");

        cache.Invoking(each => each.Trim(sequence.Id, 300)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("length");
        cache.Length(sequence.Id).Should().Be(900);
        sequence.Invoking(each => each.Attend(700)).Should().Throw<ArgumentException>().WithParameterName("query");
        cache.Trim(sequence.Id, 30);
        sequence.Run(870).ShouldEqual(expected, "after going back to the kept ones");
    }

    [Fact]
    public void ARollingFork_KeepsWhatItsSourceForgets()
    {
        AttentionShape shape = s_shape with { QueryLength = 500, KeyLength = 500 };
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        KeyWindow window = new() { Size = 70, Kept = 4 };
        using RollingKvCache cache = new(CacheKinds.Options(shape), window);
        CachedSequence expected = new CachedSequence(cache, problem).Run(500);
        cache.Free(expected.Id);
        CachedSequence source = new CachedSequence(cache, problem).Run(210);
        CachedSequence fork = new(cache, problem, cache.Fork(source.Id));
        source.LogSumExp.CopyTo(fork.LogSumExp, 0);
        source.Output.CopyTo(fork.Output, 0);

        source.Run([.. Enumerable.Repeat(10, 29)]).ShouldEqual(expected, "the source");
        cache.Free(source.Id);
        fork.Run(290).ShouldEqual(expected, "the fork");

        cache.Free(fork.Id);
        cache.Tables.Pool.InUse.Should().Be(0);
    }
}
