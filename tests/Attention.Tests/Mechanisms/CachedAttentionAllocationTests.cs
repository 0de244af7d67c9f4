using Attention.Caching;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using Attention.Tests.Caching;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state a decode step, append and attention, allocates no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class CachedAttentionAllocationTests
{
    public static TheoryData<CacheKind, KvStorage, int> Cases
    {
        get
        {
            TheoryData<CacheKind, KvStorage, int> cases = [];
            foreach (CacheKind kind in CacheKinds.All)
            {
                foreach (KvStorage storage in Enum.GetValues<KvStorage>())
                {
                    cases.Add(kind, storage, 1);
                    cases.Add(kind, storage, 3);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ADecodeStep_AllocatesNothing(CacheKind kind, KvStorage storage, int threads)
    {
        AttentionShape shape = new(1, 8, 2, 1500, 1500, 32, 32);
        KvCacheOptions options = CacheKinds.Options(shape, storage) with { MaxDegreeOfParallelism = threads };
        using KvCache cache = kind switch
        {
            // Room is made beforehand; a sequence that outgrows it is not in its steady state.
            CacheKind.Contiguous => new ContiguousKvCache(options, initialCapacity: 1500),
            CacheKind.Rolling => new RollingKvCache(options, new KeyWindow { Size = 700, Kept = 4 }, rollback: 20),
            _ => CacheKinds.Create(kind, options),
        };
        CachedSequence sequence = new(cache, AttentionProblems.Random(shape));
        AttentionProblem<float> token = AttentionProblems.Random(shape with { QueryLength = 1, KeyLength = 1 }).WithSinks();
        Layout key = Layout.Contiguous(1, 2, 1, 32);
        Layout query = Layout.Contiguous(1, 8, 1, 32);
        Layout row = Layout.Contiguous(1, 8, 1);
        float[] output = new float[8 * 32];
        float[] logSumExp = new float[8];
        int[] ids = [sequence.Id];
        AttentionOptions attention = new() { MaxDegreeOfParallelism = threads };

        // A first time, so that pages and tables are there; then step by step over the seams of pages.
        sequence.Append(1400);
        Allocated(() => Step(default(NoModifier))).Should().Be(0);
        Allocated(() => Step(new SoftCapModifier(5))).Should().Be(0);

        void Step<TModifier>(TModifier modifier)
            where TModifier : struct, IScoreModifier
        {
            if (cache.Length(ids[0]) == 1500)
            {
                cache.Trim(ids[0], 1480);
            }

            cache.Append(ids, key.Read(token.Key), key.Read(token.Value));
            CachedAttention.Forward(
                cache, ids, query.Read(token.Query), default, default, modifier, token.SinkLogits, query.Write(output), row.Write(logSumExp), attention);
        }
    }

    /// <summary>
    /// Bytes of the whole process during a few steps. The least of several rounds, since the runtime's own threads may
    /// allocate at any time, and a pool thread that is new to the work takes its scratch.
    /// </summary>
    private static long Allocated(Action step)
    {
        const int Rounds = 20;
        const int Steps = 5;
        step();
        long least = long.MaxValue;
        for (int round = 0; round < Rounds && least > 0; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < Steps; i++)
            {
                step();
            }

            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return least;
    }
}
