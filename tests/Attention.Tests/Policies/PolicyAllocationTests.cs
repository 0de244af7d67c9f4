using System.Numerics.Tensors;
using Attention.Policies;

namespace Attention.Tests.Policies;

public sealed class PolicyAllocationTests
{
    [Fact]
    public void Masks_allocate_nothing_when_asked()
    {
        int[] values = [3, 5];
        AllocatesNothing(default(NoMask));
        AllocatesNothing(CausalMask.PerBatch(values));
        AllocatesNothing(WindowMask.PerBatch(1, 2, values));
        AllocatesNothing(new KeyLengthMask(values));
        AllocatesNothing(new PrefixMask(values));
        AllocatesNothing(ChunkedMask.PerBatch(3, values));
        AllocatesNothing(new DocumentMask([1, 1, 2, 3, 3, 3, 3]));
        AllocatesNothing(new DenseMask(new ReadOnlyTensorSpan<bool>(new bool[49], [7, 7])));
        AllocatesNothing(new CausalMask(1).And(new KeyLengthMask(values)).Or(new WindowMask(1, 1)).Not());

        CausalMask causal = CausalMask.TopLeft;
        AllocatesNothing(new BlockListMask<CausalMask>(causal, BlockList.Build(in causal, 2, 3, 7, 7, 2, 2)));
    }

    private static void AllocatesNothing<TMask>(TMask mask)
        where TMask : struct, IAttentionMask
    {
        int warm = Ask(in mask);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int again = Ask(in mask);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        allocated.Should().Be(0, $"{typeof(TMask).Name} is asked in the innermost loops");
        again.Should().Be(warm);
    }

    private static int Ask<TMask>(in TMask mask)
        where TMask : struct, IAttentionMask
    {
        int answers = TMask.IsInterval ? 1 : 0;
        TMask.CheckCall(in mask, 2, 3, 7, 7);
        for (int query = 0; query < 7; query++)
        {
            IndexRange queries = new(query, 7);
            answers += mask.KeyBounds(1, 2, queries, 7).Length;
            for (int key = 0; key < 7; key++)
            {
                answers += (int)mask.Cover(1, 2, queries, new IndexRange(key, 7)) + (mask.Allows(1, 2, query, key) ? 1 : 0);
            }
        }

        return answers;
    }
}
