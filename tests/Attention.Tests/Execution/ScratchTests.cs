using Attention.Execution;

namespace Attention.Tests.Execution;

public unsafe class ScratchTests
{
    [Fact]
    public void Rentals_are_aligned_and_do_not_overlap() => OnNewThread(() =>
    {
        for (int round = 0; round < 3; round++)
        {
            RentNested(0, []);
        }
    });

    /// <summary>Rents more and more, fills each piece with its number, and looks whether all still hold theirs.</summary>
    private static void RentNested(int depth, List<(nint Memory, int Count)> below)
    {
        if (depth == 12)
        {
            return;
        }

        int count = 1 + depth * depth * 100;
        using Scratch.Rental rental = Scratch.Rent(count);
        ((nint)rental.Memory % 64).Should().Be(0);
        new Span<float>(rental.Memory, count).Fill(depth);
        below.Add(((nint)rental.Memory, count));
        RentNested(depth + 1, below);
        for (int i = 0; i <= depth; i++)
        {
            new Span<float>((float*)below[i].Memory, below[i].Count).IndexOfAnyExcept(i).Should().Be(-1);
        }
    }

    [Fact]
    public void The_block_grows_to_the_largest_need() => OnNewThread(() =>
    {
        Use(100, 100_000);

        using Scratch.Rental first = Scratch.Rent(100);
        using Scratch.Rental second = Scratch.Rent(100_000);
        ((nint)second.Memory - (nint)first.Memory).Should().Be(448, "both lie in one block by now, one after the other");

        static void Use(int outerCount, int innerCount)
        {
            using Scratch.Rental outer = Scratch.Rent(outerCount);
            using Scratch.Rental inner = Scratch.Rent(innerCount);
        }
    });

    [Fact]
    public void A_loop_above_a_block_in_use_does_not_pile_up_memory() => OnNewThread(() =>
    {
        using Scratch.Rental outer = Scratch.Rent(16);
        long before = Environment.WorkingSet;
        for (int i = 0; i < 200; i++)
        {
            // With what is rented filled, 4 MB each would make 800 MB.
            using Scratch.Rental inner = Scratch.Rent(1 << 20);
            new Span<float>(inner.Memory, 1 << 20).Clear();
        }

        (Environment.WorkingSet - before).Should().BeLessThan(200_000_000);
    });

    [Fact]
    public void Nothing_rented_is_no_trouble() => OnNewThread(() =>
    {
        using Scratch.Rental outer = Scratch.Rent(0);
        using Scratch.Rental inner = Scratch.Rent(5);
        using Scratch.Rental empty = Scratch.Rent(0);
        using Scratch.Rental large = Scratch.Rent(10_000);
        inner.Memory[4] = 1;
        large.Memory[9_999] = 2;
        inner.Memory[4].Should().Be(1);
    });

    [Fact]
    public void The_steady_state_allocates_nothing() => OnNewThread(() =>
    {
        Use();
        Use();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Use();
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        static void Use()
        {
            using Scratch.Rental outer = Scratch.Rent(1000);
            using Scratch.Rental inner = Scratch.Rent(5000);
        }
    });

    /// <summary>Scratch belongs to a thread: a new one starts with none.</summary>
    private static void OnNewThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        failure.Should().BeNull();
    }
}
