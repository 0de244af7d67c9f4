using Attention.Caching;
using Attention.TestKit;

namespace Attention.Tests.Caching;

/// <summary>Pages: shared, copied when written, counted, given back, and not enough.</summary>
public class PagedKvCacheTests
{
    private static readonly AttentionShape s_shape = new(1, 2, 1, 100, 100, 8, 8);

    public static TheoryData<KvStorage> Storages => [.. Enum.GetValues<KvStorage>()];

    [Theory]
    [MemberData(nameof(Storages))]
    public void AFork_SharesPagesUntilItDiverges(KvStorage storage)
    {
        (CachedSequence left, CachedSequence right) = Expected(storage);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape, storage), 20);
        CachedSequence source = new CachedSequence(cache, left.Problem).Run(40);
        int fork = cache.Fork(source.Id);

        cache.PagesInUse.Should().Be(3, "a fork takes none");
        CachedSequence forked = new(cache, right.Problem, fork);
        forked.Run(60);
        cache.PagesInUse.Should().Be(3 + 1 + 4, "the last page is copied, the two full ones are still shared");
        source.Run(60);
        cache.PagesInUse.Should().Be(3 + 1 + 4 + 4);

        source.ShouldEqual(left, "the source");
        Tolerance.SameBits("the fork", Tail(forked.Output), Tail(right.Output));
        cache.Free(source.Id);
        cache.PagesInUse.Should().Be(7);
        forked.Attend(60);
        Tolerance.SameBits("the fork without its source", Tail(forked.Output), Tail(right.Output));
        cache.Free(fork);
        cache.PagesInUse.Should().Be(0);
    }

    [Fact]
    public void AFork_ThatWritesFirstLeavesThePageToTheOther()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 10);
        CachedSequence source = new CachedSequence(cache, problem).Run(20);
        int page = cache.Find(source.Id, "id")[1].Page;
        CachedSequence fork = new(cache, problem, cache.Fork(source.Id));
        cache.Tables.Pool.References(page).Should().Be(2);

        fork.Append(1);

        cache.Tables.Pool.References(page).Should().Be(1);
        source.Append(1);
        cache.Find(source.Id, "id")[1].Page.Should().Be(page, "the last holder need not copy");
        cache.PagesInUse.Should().Be(3);
    }

    [Fact]
    public void ForksInOneBatch_NeedOneCopyLess()
    {
        // Two pages in use, one of them shared by three sequences that all write to it: two copies.
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 4);
        CachedSequence source = new(cache, problem);
        source.Append(20);
        int[] ids = [source.Id, cache.Fork(source.Id), cache.Fork(source.Id)];
        AttentionProblem<float> news = AttentionProblems.Random(new AttentionShape(3, 2, 1, 1, 1, 8, 8));

        cache.Append(ids, Layout.Contiguous(news.Shape.KeyLengths).Read(news.Key), Layout.Contiguous(news.Shape.ValueLengths).Read(news.Value));

        cache.PagesInUse.Should().Be(4);
        ids.Select(id => cache.Find(id, "id")[1].Page).Should().OnlyHaveUniqueItems();
    }

    [Fact]
    public void OutOfPages_LeavesEverySequenceAsItWas()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using ContiguousKvCache large = new(CacheKinds.Options(s_shape));
        CachedSequence expected = new CachedSequence(large, problem).Run(100);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 8);
        CachedSequence first = new CachedSequence(cache, problem).Run(40);
        CachedSequence second = new CachedSequence(cache, problem).Run(33);
        AttentionProblem<float> news = AttentionProblems.Random(new AttentionShape(2, 2, 1, 40, 40, 8, 8));

        Action append = () => cache.Append(
            [first.Id, second.Id], Layout.Contiguous(news.Shape.KeyLengths).Read(news.Key), Layout.Contiguous(news.Shape.ValueLengths).Read(news.Value));

        OutOfPagesException exception = append.Should().Throw<OutOfPagesException>().Which;
        exception.PagesNeeded.Should().Be(4);
        exception.PagesFree.Should().Be(2);
        cache.PagesInUse.Should().Be(6);
        cache.Length(first.Id).Should().Be(40);
        cache.Length(second.Id).Should().Be(33);
        cache.Free(second.Id);
        first.Run(60).ShouldEqual(expected, "after pages were given back");
    }

    [Fact]
    public void OutOfPages_ForACopyIsSeenBefore()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 2);
        CachedSequence source = new CachedSequence(cache, problem).Run(20);
        CachedSequence fork = new(cache, problem, cache.Fork(source.Id));

        fork.Invoking(each => each.Append(1)).Should().Throw<OutOfPagesException>().Which.PagesNeeded.Should().Be(1);

        cache.Length(fork.Id).Should().Be(20);
        cache.Free(source.Id);
        fork.Invoking(each => each.Append(12)).Should().NotThrow();
    }

    [Fact]
    public void FreedPages_AreTakenAgainWhateverTheyHold()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        AttentionProblem<float> nan = problem with { Key = Filled(problem.Key.Length), Value = Filled(problem.Value.Length) };
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            using ContiguousKvCache other = new(CacheKinds.Options(s_shape, storage));
            CachedSequence expected = new CachedSequence(other, problem).Run(100);
            using PagedKvCache cache = new(CacheKinds.Options(s_shape, storage), 7);
            CachedSequence sequence = new(cache, nan);
            sequence.Append(100);
            cache.Free(sequence.Id);

            CachedSequence next = new(cache, problem);
            next.Run(10, 1, 89).ShouldEqual(expected, $"pages used before, {storage}");

            // And what a trim leaves behind in a page that stays.
            cache.Trim(next.Id, 35);
            CachedSequence overwritten = new(cache, nan, next.Id);
            overwritten.Append(9);
            cache.Trim(next.Id, 35);
            next.Run(1, 64).ShouldEqual(expected, $"after a trim, {storage}");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(100)]
    public void LessThanAPage_IsWasted(int length)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 100);
        CachedSequence sequence = new(cache, problem);

        sequence.Append(length);

        cache.PagesInUse.Should().Be((length + 15) / 16);
        cache.Trim(sequence.Id, length / 2);
        cache.PagesInUse.Should().Be(((length / 2) + 15) / 16);
        cache.Trim(sequence.Id, 0);
        cache.PagesInUse.Should().Be(0);
    }

    [Fact]
    public void RandomLives_LeaveNoReference()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 30);
        using ContiguousKvCache other = new(CacheKinds.Options(s_shape));
        CachedSequence expected = new CachedSequence(other, problem).Run(100);
        Random random = new(11);
        List<CachedSequence> alive = [];
        int full = 0;
        for (int turn = 0; turn < 600; turn++)
        {
            CachedSequence? some = alive.Count == 0 ? null : alive[random.Next(alive.Count)];
            switch (random.Next(6))
            {
                case 0 when alive.Count < 12:
                    alive.Add(new CachedSequence(cache, problem));
                    break;
                case 1 when some is not null && alive.Count < 12:
                    alive.Add(new CachedSequence(cache, problem, cache.Fork(some.Id)));
                    break;
                case 2 when some is not null:
                    cache.Free(some.Id);
                    alive.Remove(some);
                    break;
                case 3 when some is not null:
                    cache.Trim(some.Id, random.Next(cache.Length(some.Id) + 1));
                    break;
                case 4 or 5 when some is not null:
                    int count = random.Next(0, 101 - cache.Length(some.Id));
                    try
                    {
                        some.Append(count);
                    }
                    catch (OutOfPagesException)
                    {
                        full++;
                    }

                    break;
            }

            HashSet<int> held = [];
            foreach (CachedSequence each in alive)
            {
                CacheSequence sequence = cache.Find(each.Id, "id");
                held.UnionWith(Enumerable.Range(0, sequence.EndPage).Select(page => sequence[page].Page));
                each.Attend(cache.Length(each.Id));
                for (int head = 0; head < 2; head++)
                {
                    int rows = cache.Length(each.Id) * 8;
                    Tolerance.SameBits($"turn {turn}", each.Output.AsSpan(head * 800, rows), expected.Output.AsSpan(head * 800, rows));
                }
            }

            cache.PagesInUse.Should().Be(held.Count);
        }

        full.Should().BePositive("the pages should have run out now and then");
        alive.ForEach(each => cache.Free(each.Id));
        cache.PagesInUse.Should().Be(0);
    }

    private static (CachedSequence Left, CachedSequence Right) Expected(KvStorage storage)
    {
        AttentionProblem<float> left = AttentionProblems.Random(s_shape);
        AttentionProblem<float> right = AttentionProblems.Random(s_shape, seed: 2);
        left.Key.AsSpan(0, 320).CopyTo(right.Key);
        left.Value.AsSpan(0, 320).CopyTo(right.Value);
        using ContiguousKvCache cache = new(CacheKinds.Options(s_shape, storage));
        return (new CachedSequence(cache, left).Run(100), new CachedSequence(cache, right).Run(100));
    }

    /// <summary>The results of the last 60 tokens, head by head.</summary>
    private static float[] Tail(float[] output) => [.. output.AsSpan(320, 480), .. output.AsSpan(800 + 320, 480)];

    private static float[] Filled(int count)
    {
        float[] numbers = new float[count];
        Array.Fill(numbers, float.NaN);
        return numbers;
    }
}
