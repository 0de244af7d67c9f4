using Attention.Caching;
using Attention.TestKit;

namespace Attention.Tests.Caching;

/// <summary>Sequences that begin alike share full pages.</summary>
public class PrefixSharingTests
{
    private static readonly AttentionShape s_shape = new(1, 2, 1, 100, 100, 8, 8);
    private static readonly AttentionProblem<float> s_problem = AttentionProblems.Random(s_shape);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(16, 0)]
    [InlineData(17, 16)]
    [InlineData(60, 48)]
    [InlineData(64, 48)]
    [InlineData(65, 64)]
    [InlineData(100, 64)]
    public void FullPages_AreShared(int asked, int shared)
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        int[] tokens = Tokens(70);
        CachedSequence first = Start(cache, tokens, 40, 30);

        int id = cache.AddWithPrefix(Tokens(asked));

        cache.Length(id).Should().Be(shared);
        cache.PagesInUse.Should().Be(5);
        for (int page = 0; page < shared / 16; page++)
        {
            cache.Find(id, "id")[page].Page.Should().Be(cache.Find(first.Id, "id")[page].Page);
        }

        using ContiguousKvCache other = new(CacheKinds.Options(s_shape));
        CachedSequence expected = new CachedSequence(other, s_problem).Run(100);
        CachedSequence second = new(cache, s_problem, id);
        second.Run(100 - shared);
        second.Attend(100);
        second.ShouldEqual(expected, "on shared pages");
        cache.Free(first.Id);
        cache.Free(id);
        cache.PagesInUse.Should().Be(0);
        cache.Prefixes.Count.Should().Be(0);
    }

    [Fact]
    public void OtherTokens_AreNotShared()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        Start(cache, Tokens(70), 70);
        int[] differsInSecond = Tokens(70);
        differsInSecond[20]++;
        int[] differsInFirst = Tokens(70);
        differsInFirst[0]++;

        cache.Length(cache.AddWithPrefix(differsInSecond)).Should().Be(16);
        cache.Length(cache.AddWithPrefix(differsInFirst)).Should().Be(0, "the second page has the same tokens, but not the same ones before");
    }

    [Fact]
    public void ASharedSequence_GoesOnAndIsSharedItself()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        CachedSequence first = Start(cache, Tokens(40), 40);
        int id = cache.AddWithPrefix(Tokens(100));
        CachedSequence second = new(cache, s_problem, id);
        cache.Length(id).Should().Be(32);
        Append(cache, second, Tokens(100)[32..]);

        cache.Free(first.Id);

        cache.Length(cache.AddWithPrefix(Tokens(100))).Should().Be(96);
    }

    [Fact]
    public void FreedAndOverwrittenPages_AreNotFound()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        CachedSequence first = Start(cache, Tokens(64), 64);
        cache.Trim(first.Id, 40);
        first.Append(10);

        cache.Length(cache.AddWithPrefix(Tokens(100))).Should().Be(32, "the third page was written over, without tokens");
        cache.Free(first.Id);
        cache.Length(cache.AddWithPrefix(Tokens(100))).Should().Be(32, "one that shares them is still there");
    }

    [Fact]
    public void APageThatIsShared_IsCopiedWhenItsFirstHolderGoesBack()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        CachedSequence first = Start(cache, Tokens(64), 64);
        int id = cache.AddWithPrefix(Tokens(64));
        cache.Trim(first.Id, 40);
        int[] others = [.. Tokens(40), 901, 902, 903, 904, 905, 906, 907, 908];
        Append(cache, first, others[40..]);

        cache.Find(first.Id, "id")[2].Page.Should().NotBe(cache.Find(id, "id")[2].Page);
        cache.Length(cache.AddWithPrefix(Tokens(64))).Should().Be(48);
        cache.Length(cache.AddWithPrefix([.. others, 1])).Should().Be(48, "the copy is full now, with tokens of its own");
    }

    [Fact]
    public void TokensThatWereNotSaid_EndWhatIsShared()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        CachedSequence first = Start(cache, Tokens(20), 20);
        first.Append(4);
        Append(cache, first, Tokens(64)[24..]);

        cache.Length(cache.AddWithPrefix(Tokens(64))).Should().Be(16);
    }

    [Fact]
    public void EqualSequencesOfTheirOwn_KeepTheirPages()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        CachedSequence first = Start(cache, Tokens(40), 40);
        CachedSequence second = Start(cache, Tokens(40), 40);

        cache.PagesInUse.Should().Be(6);
        cache.Free(first.Id);
        cache.PagesInUse.Should().Be(3);
        cache.Length(cache.AddWithPrefix(Tokens(40))).Should().Be(0, "shared were the pages of the one that was first");
        cache.Contains(second.Id).Should().BeTrue();
    }

    [Fact]
    public void AWrongNumberOfTokens_IsNamed()
    {
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 20);
        CachedSequence sequence = new(cache, s_problem);

        FluentActions.Invoking(() => cache.Append([sequence.Id], sequence.Key(5), sequence.Value(5), default, Tokens(4)))
            .Should().Throw<ArgumentException>().WithParameterName("tokens");
        cache.Length(sequence.Id).Should().Be(0);
    }

    private static int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(i => (i * 7919) + 13)];

    private static CachedSequence Start(PagedKvCache cache, int[] tokens, params int[] parts)
    {
        CachedSequence sequence = new(cache, s_problem);
        foreach (int part in parts)
        {
            Append(cache, sequence, tokens[cache.Length(sequence.Id)..][..part]);
        }

        return sequence;
    }

    private static void Append(PagedKvCache cache, CachedSequence sequence, int[] tokens) =>
        cache.Append([sequence.Id], sequence.Key(tokens.Length), sequence.Value(tokens.Length), default, tokens);
}
