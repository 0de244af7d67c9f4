using Attention.Caching;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;
using Attention.Tests.Caching;

namespace Attention.Tests.Mechanisms;

/// <summary>A token's result has the same bits however it comes about.</summary>
public class CachedAttentionBitsTests
{
    private static readonly AttentionShape s_shape = new(1, 4, 2, 150, 150, 20, 36);

    public static TheoryData<SimdWidth, KvStorage> WidthsAndStorages => CachedAttentionTests.WidthsAndStorages;

    [Theory]
    [MemberData(nameof(WidthsAndStorages))]
    public void PromptPartsAndSteps_AgreeInEveryCache(SimdWidth width, KvStorage storage)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape).WithSinks();
        CachedSequence expected = Run(CacheKind.Contiguous, 150);
        foreach (CacheKind kind in CacheKinds.All)
        {
            Run(kind, 150).ShouldEqual(expected, $"{kind} in one");
            Run(kind, 16, 1, 31, 64, 7, 1, 30).ShouldEqual(expected, $"{kind} in parts");
            Run(kind, [.. Enumerable.Repeat(1, 150)]).ShouldEqual(expected, $"{kind} in steps");
        }

        CachedSequence Run(CacheKind kind, params int[] parts)
        {
            using KvCache cache = CacheKinds.Create(kind, CacheKinds.Options(s_shape, storage, width));
            return new CachedSequence(cache, problem) { Options = new() { Width = width } }.Run(parts);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void LongSequences_AgreeAcrossPieces(int groupSize)
    {
        AttentionShape shape = new(1, groupSize, 1, 1100, 1100, 16, 16);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        CachedSequence expected = Run(CacheKind.Contiguous, 1100);

        Run(CacheKind.Paged16, 500, 30, 570).ShouldEqual(expected, "in parts");
        Run(CacheKind.Paged48, [510, .. Enumerable.Repeat(1, 10), 500, .. Enumerable.Repeat(2, 40)]).ShouldEqual(expected, "in steps");

        CachedSequence Run(CacheKind kind, params int[] parts)
        {
            using KvCache cache = CacheKinds.Create(kind, CacheKinds.Options(shape));
            return new CachedSequence(cache, problem).Run(parts);
        }
    }

    [Theory]
    [InlineData(5, 0)]
    [InlineData(40, 4)]
    [InlineData(70, 65)]
    [InlineData(1, 1)]
    public void RollingCache_EqualsAWindow(int size, int kept)
    {
        AttentionShape shape = new(1, 2, 1, 700, 700, 12, 12);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        KeyWindow window = new() { Size = size, Kept = kept };
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            using ContiguousKvCache all = new(CacheKinds.Options(shape, storage));
            CachedSequence expected = new CachedSequence(all, problem) { Window = window }.Run(700);
            foreach (int[] parts in new int[][] { [700], [3, 200, 1, 90, 6, 300, 100], [100, .. Enumerable.Repeat(1, 600)], [.. Enumerable.Repeat(20, 35)] })
            {
                using RollingKvCache cache = new(CacheKinds.Options(shape, storage), window);

                new CachedSequence(cache, problem).Run(parts).ShouldEqual(expected, $"{storage}, {parts.Length} parts");
            }
        }
    }

    [Fact]
    public void PhysicalOrder_DoesNotMatter()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using ContiguousKvCache contiguous = new(CacheKinds.Options(s_shape));
        CachedSequence expected = new CachedSequence(contiguous, problem).Run(150);
        using PagedKvCache cache = new(CacheKinds.Options(s_shape), 64);

        // Ever other pages are taken and given back, until the free ones are in no order at all.
        Random random = new(3);
        List<CachedSequence> others = [];
        for (int i = 0; i < 40; i++)
        {
            CachedSequence other = new(cache, problem);
            other.Append(16 * random.Next(1, 3));
            others.Add(other);
            if (others.Count > 12)
            {
                int gone = random.Next(others.Count);
                cache.Free(others[gone].Id);
                others.RemoveAt(gone);
            }
        }

        others.ForEach(other => cache.Free(other.Id));
        CachedSequence sequence = new CachedSequence(cache, problem).Run(90, 1, 1, 58);
        int[] pages = [.. Enumerable.Range(0, 10).Select(page => cache.Find(sequence.Id, "id")[page].Page)];

        pages.Should().NotBeInAscendingOrder().And.NotBeInDescendingOrder();
        sequence.ShouldEqual(expected, "shuffled pages");
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    [InlineData(4, 3)]
    [InlineData(9, 1)]
    [InlineData(1, 900)]
    public void Threads_DoNotMatter(int groupSize, int queries)
    {
        AttentionShape shape = new(1, 2 * groupSize, 2, 1500, 1500, 16, 20);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        foreach (SimdWidth width in SimdWidths.All)
        {
            using PagedKvCache cache = new(CacheKinds.Options(shape), 100);
            CachedSequence expected = Run(cache, 1);
            foreach (int threads in new[] { 2, 3, 7 })
            {
                Run(cache, threads).ShouldEqual(expected, $"{threads} threads, {width}");
                cache.PagesInUse.Should().Be(0);
            }

            CachedSequence Run(PagedKvCache cache, int threads)
            {
                CachedSequence sequence = new(cache, problem) { Options = new() { MaxDegreeOfParallelism = threads, Width = width } };
                sequence.Append(1500);
                sequence.Attend(queries);
                cache.Free(sequence.Id);
                return sequence;
            }
        }
    }

    [Fact]
    public void AppendingThreads_DoNotMatter()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            CachedSequence expected = Run(1);
            foreach (int threads in new[] { 2, 3, 7 })
            {
                Run(threads).ShouldEqual(expected, $"{threads} threads");
            }

            CachedSequence Run(int threads)
            {
                using ContiguousKvCache cache = new(CacheKinds.Options(s_shape, storage) with { MaxDegreeOfParallelism = threads });
                return new CachedSequence(cache, problem).Run(150);
            }
        }
    }

    [Theory]
    [InlineData(KvStorage.Float32)]
    [InlineData(KvStorage.BFloat16)]
    [InlineData(KvStorage.Int8)]
    public void Neighbours_InARaggedBatchDoNotMatter(KvStorage storage)
    {
        // Three sequences of 30, 0 and 600 tokens, to which 5, 2 and 3 are appended in one call.
        int[] lengths = [30, 0, 600];
        int[] news = [5, 2, 3];
        AttentionShape shape = new(1, 4, 2, 700, 700, 12, 20);
        AttentionProblem<float>[] problems = [.. lengths.Select((_, i) => AttentionProblems.Random(shape, seed: i + 5))];
        using PagedKvCache cache = new(CacheKinds.Options(shape, storage), 100);
        CachedSequence[] alone = [.. problems.Select(problem => new CachedSequence(cache, problem))];
        CachedSequence[] together = [.. problems.Select(problem => new CachedSequence(cache, problem))];
        AttentionShape batch = shape with { Batch = 3, QueryLength = 5, KeyLength = 5 };
        float[] key = NaNs(batch.KeyCount), value = NaNs(batch.ValueCount), query = NaNs(batch.QueryCount), output = NaNs(batch.OutputCount);
        for (int i = 0; i < 3; i++)
        {
            alone[i].Append(lengths[i]);
            together[i].Append(lengths[i]);
            Copy(problems[i].Key, key, i, 2, 12, lengths[i], news[i]);
            Copy(problems[i].Value, value, i, 2, 20, lengths[i], news[i]);
            Copy(problems[i].Query, query, i, 4, 12, lengths[i], news[i]);
            alone[i].Run(news[i]);
        }

        int[] ids = [.. together.Select(each => each.Id)];
        cache.Append(ids, Layout.Contiguous(batch.KeyLengths).Read(key), Layout.Contiguous(batch.ValueLengths).Read(value), news);
        CachedAttention.Forward(
            cache, ids, Layout.Contiguous(batch.QueryLengths).Read(query), news, default, default(NoModifier), [],
            Layout.Contiguous(batch.OutputLengths).Write(output), default);

        for (int i = 0; i < 3; i++)
        {
            cache.Length(ids[i]).Should().Be(lengths[i] + news[i]);
            for (int head = 0; head < 4; head++)
            {
                Span<float> rows = output.AsSpan(((i * 4) + head) * 5 * 20, 5 * 20);
                Tolerance.SameBits("own rows", rows[..(news[i] * 20)], alone[i].Output.AsSpan(((head * 700) + lengths[i]) * 20, news[i] * 20));
                Tolerance.SameBits("other rows", rows[(news[i] * 20)..], new float[(5 - news[i]) * 20]);
            }
        }

        void Copy(float[] source, float[] target, int element, int heads, int size, int start, int count)
        {
            for (int head = 0; head < heads; head++)
            {
                source.AsSpan(((head * 700) + start) * size, count * size).CopyTo(target.AsSpan(((element * heads) + head) * 5 * size));
            }
        }
    }

    [Fact]
    public void Modifiers_AgreeInPartsAndSteps()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        ComposedModifier<SoftCapModifier, AlibiModifier> modifier = new(new SoftCapModifier(3), new AlibiModifier(4));
        using ContiguousKvCache cache = new(CacheKinds.Options(s_shape));
        CachedSequence expected = new CachedSequence(cache, problem).Run(modifier, 150);

        new CachedSequence(cache, problem).Run(modifier, 40, 1, 1, 1, 107).ShouldEqual(expected, "in parts");
    }

    private static float[] NaNs(int count)
    {
        float[] numbers = new float[count];
        Array.Fill(numbers, float.NaN);
        return numbers;
    }
}
