using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Monotonic attention, with and without chunks, against the sums of products of the papers in double.</summary>
public class MonotonicAttentionTests
{
    private static readonly (int Queries, int Keys)[] s_shapes = [(1, 1), (3, 1), (1, 5), (4, 3), (5, 16), (6, 17), (3, 33), (7, 50)];

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void AlignmentAndWeights_AreTheReference(SimdWidth width)
    {
        foreach ((int queries, int keys) in s_shapes)
        {
            foreach (int chunk in (int[])[1, 2, 5, 100])
            {
                Check(queries, keys, chunk, default(NoMask), width);
                Check(queries, keys, chunk, new KeyLengthMask(Math.Max(1, keys - 2)), width);
                Check(queries, keys, chunk, default(CheckerboardMask), width);
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Gradients_AreThoseOfDifferences(SimdWidth width)
    {
        CheckGradients(4, 6, 1, default(NoMask), width);
        CheckGradients(5, 19, 3, default(CheckerboardMask), width);
        CheckGradients(3, 17, 4, new KeyLengthMask(12), width);
        CheckGradients(3, 5, 100, CausalMask.TopLeft, width);
    }

    [Fact]
    public void LongMemories_StayExactAndSumToAtMostOne()
    {
        const int Keys = 1000;
        foreach (float offset in (float[])[-8, -4, 0, 4])
        {
            using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 1, 5, Keys], offset);
            memory.Run(default(NoMask), 3);

            float[] alignment = memory.Alignment.Gather();
            double[] reference = MonotonicLoops.Alignment(Array.ConvertAll(memory.Energies.Gather(), x => (double)x), Keys, (_, _) => true);
            Tolerance.Golden($"alignment {offset}", alignment, reference);
            for (int query = 0; query < 5; query++)
            {
                alignment.AsSpan(query * Keys, Keys).ToArray().Sum(x => (double)x).Should().BeInRange(0, 1 + 1e-6);
                memory.Weights.Gather().AsSpan(query * Keys, Keys).ToArray().Sum(x => (double)x).Should().BeInRange(0, 1 + 1e-5);
            }

            memory.Results().SelectMany(result => result).Should().OnlyContain(number => float.IsFinite(number));
        }
    }

    /// <summary>A stop with relative accuracy far down the scan, where a float product of 1 - p would have drifted.</summary>
    [Fact]
    public void SmallProbabilities_KeepTheirDigits()
    {
        const int Keys = 4000;
        float[] energies = [.. Enumerable.Repeat(-6f, Keys)];
        using TestOperand source = TestOperand.Create(true, [1, 1, 1, Keys], energies);
        using TestOperand alignment = TestOperand.Create(true, [1, 1, 1, Keys]);

        MonotonicAttention.Forward(source.Read(), default(NoMask), alignment.Write());

        double stop = 1 / (1 + Math.Exp(6));
        float[] scaled = [.. alignment.Gather().Select((x, key) => (float)(x / (stop * Math.Pow(1 - stop, key))))];
        Tolerance.Golden("ratio", scaled, [.. Enumerable.Repeat(1.0, Keys)]);
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void CertainEnergies_MakeSoftHard(SimdWidth width)
    {
        Random random = new(2);
        float[] energies = [.. Enumerable.Range(0, 2 * 3 * 9 * 21).Select(_ => random.Next(5) == 0 ? 200f : -200f)];
        nint[] lengths = [2, 3, 9, 21];
        AttentionOptions options = new() { Width = width };
        using MonotonicMemoryCase memory = new(lengths, energies, new float[energies.Length], new float[energies.Length]);
        using TestOperand hard = TestOperand.Create(true, lengths);

        MonotonicAttention.Forward(memory.Energies.Read(), default(CheckerboardMask), memory.Alignment.Write(), options);
        MonotonicAttention.ForwardHard(memory.Energies.Read(), default(CheckerboardMask), hard.Write(), options);

        Tolerance.SameBits("alignment", memory.Alignment.Gather(), hard.Gather());
        hard.Gather().Sum().Should().BeGreaterThan(10, "some queries stop");
    }

    [Fact]
    public void Next_IsTheHardAlignment()
    {
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 1, 6, 31], -1.2f);
        using TestOperand hard = TestOperand.Create(true, [1, 1, 6, 31]);
        MonotonicAttention.ForwardHard(memory.Energies.Read(), default(NoMask), hard.Write());
        float[] energies = memory.Energies.Gather();
        int position = 0;
        for (int query = 0; query < 6; query++)
        {
            int next = MonotonicAttention.Next(energies.AsSpan(query * 31, 31), position);
            next.Should().BeGreaterThanOrEqualTo(position);
            energies.AsSpan((query * 31) + position, next - position).ToArray().Should().NotContain(energy => energy >= 0);
            hard.Gather().AsSpan(query * 31, 31).IndexOf(1f).Should().Be(next == 31 ? -1 : next);
            position = next;
        }

        MonotonicAttention.Next([], 0).Should().Be(0);
        MonotonicAttention.Next([-1, 0, 1], 0).Should().Be(1, "one half is enough");
    }

    [Theory]
    [InlineData(80)]
    [InlineData(-80)]
    [InlineData(1e30f)]
    public void ExtremeEnergies_StayFinite(float size)
    {
        Random random = new(3);
        float[] energies = [.. Enumerable.Range(0, 6 * 40).Select(_ => random.Next(2) == 0 ? size : -size)];
        using MonotonicMemoryCase memory = new(
            [1, 1, 6, 40], energies, energies, AttentionProblems.Normal(random, energies.Length));

        memory.Run(default(NoMask), 4);

        memory.Results().SelectMany(result => result).Should().OnlyContain(number => float.IsFinite(number));
    }

    [Fact]
    public void ChunksOfOne_AreTheAlignment()
    {
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([2, 2, 5, 37]);
        memory.Run(default(NoMask), 1);
        Tolerance.Reordered("weights", memory.Weights.Gather(), memory.Alignment.Gather(), 4);
        Tolerance.Reordered("gradient", memory.AlignmentGradient.Gather(), memory.Gradient.Gather(), 4);
        memory.ChunkEnergyGradient.Gather().Should().OnlyContain(number => Math.Abs(number) < 1e-6f);
    }

    [Fact]
    public void NaNBehindAMask_ChangesNoBit()
    {
        nint[] lengths = [2, 2, 6, 23];
        KeyLengthMask mask = new([23, 14]);
        using MonotonicMemoryCase clean = MonotonicMemoryCase.Random(lengths);
        float[][] poisoned = [.. ((TestOperand[])[clean.Energies, clean.ChunkEnergies, clean.Gradient]).Select(operand => operand.Gather())];
        foreach (float[] numbers in poisoned)
        {
            for (int row = 12; row < 24; row++)
            {
                numbers.AsSpan((row * 23) + 14, 9).Fill(float.NaN);
            }
        }

        using MonotonicMemoryCase dirty = new(lengths, poisoned[0], poisoned[1], poisoned[2]);
        clean.Run(mask, 3);
        dirty.Run(mask, 3);

        foreach ((float[] actual, float[] expected) in dirty.Results().Zip(clean.Results()))
        {
            Tolerance.SameBits("result", actual, expected);
        }
    }

    [Fact]
    public void FullyMaskedRowsAndEmptyAxes_AreZeroOrEmpty()
    {
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 2, 3, 5]);
        memory.Run(new KeyLengthMask(0), 2);
        memory.Results().SelectMany(result => result).Should().OnlyContain(number => number == 0);
        foreach (nint[] lengths in (nint[][])[[0, 2, 3, 5], [1, 2, 0, 5], [1, 2, 3, 0]])
        {
            using MonotonicMemoryCase empty = MonotonicMemoryCase.Random(lengths);
            empty.Run(default(NoMask), 2);
        }
    }

    [Fact]
    public void ThreadsAndTheBatchAround_ChangeNoBit()
    {
        nint[] lengths = [3, 2, 90, 131];
        float[][] expected = Results(1);
        foreach (int threads in (int[])[2, 3, 7])
        {
            foreach ((float[] actual, float[] wanted) in Results(threads).Zip(expected))
            {
                Tolerance.SameBits($"{threads} threads", actual, wanted);
            }
        }

        using MonotonicMemoryCase whole = MonotonicMemoryCase.Random(lengths);
        using MonotonicMemoryCase last = new(
            [1, 1, 90, 131], whole.Energies.Gather()[(5 * 90 * 131)..], whole.ChunkEnergies.Gather()[(5 * 90 * 131)..],
            whole.Gradient.Gather()[(5 * 90 * 131)..]);
        last.Run(default(NoMask), 4);
        foreach ((float[] actual, float[] wanted) in last.Results().Zip(expected))
        {
            Tolerance.SameBits("alone", actual, wanted.AsSpan(5 * 90 * 131));
        }

        float[][] Results(int threads)
        {
            using MonotonicMemoryCase memory = MonotonicMemoryCase.Random(lengths);
            memory.Run(default(NoMask), 4, new() { MaxDegreeOfParallelism = threads });
            return memory.Results();
        }
    }

    private static void Check<TMask>(int queries, int keys, int chunk, TMask mask, SimdWidth width)
        where TMask : struct, IAttentionMask
    {
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 1, queries, keys]);
        memory.Run(mask, chunk, new() { Width = width });
        bool Allows(int query, int key) => mask.Allows(0, 0, query, key);
        double[] alignment = MonotonicLoops.Alignment(Array.ConvertAll(memory.Energies.Gather(), x => (double)x), keys, Allows);
        double[] weights = MonotonicLoops.Chunks(
            alignment, Array.ConvertAll(memory.ChunkEnergies.Gather(), x => (double)x), keys, chunk, Allows);
        string name = $"{queries} x {keys}, chunk {chunk}, {typeof(TMask).Name} {width}";
        Tolerance.Golden($"alignment of {name}", memory.Alignment.Gather(), alignment);
        Tolerance.Golden($"weights of {name}", memory.Weights.Gather(), weights);
    }

    private static void CheckGradients<TMask>(int queries, int keys, int chunk, TMask mask, SimdWidth width)
        where TMask : struct, IAttentionMask
    {
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 1, queries, keys], 0);
        memory.Run(mask, chunk, new() { Width = width });
        double[] energies = Array.ConvertAll(memory.Energies.Gather(), x => (double)x);
        double[] chunkEnergies = Array.ConvertAll(memory.ChunkEnergies.Gather(), x => (double)x);
        double[] factors = Array.ConvertAll(memory.Gradient.Gather(), x => (double)x);
        bool Allows(int query, int key) => mask.Allows(0, 0, query, key);
        double Loss() => MonotonicLoops.Chunks(MonotonicLoops.Alignment(energies, keys, Allows), chunkEnergies, keys, chunk, Allows)
            .Zip(factors, (weight, factor) => weight * factor).Sum();

        Tolerance.Golden("energies", memory.EnergyGradient.Gather(), FiniteDifferences.Gradient(energies, Loss));
        Tolerance.Golden("chunk energies", memory.ChunkEnergyGradient.Gather(), FiniteDifferences.Gradient(chunkEnergies, Loss));
    }
}
