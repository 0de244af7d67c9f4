using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What holds for every monotonic alignment: relative accuracy, rows that may stop nowhere, NaN that is allowed, wide chunks, views.</summary>
public class MonotonicAttentionPropertyTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    /// <summary>Small probabilities are as exact as large ones: query after query costs each a few roundings of its own size.</summary>
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void EveryProbability_KeepsItsDigits(SimdWidth width)
    {
        const int Queries = 6;
        const int Keys = 120;
        foreach (float offset in (float[])[-6, -3, 0, 3])
        {
            using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 1, Queries, Keys], offset);
            memory.Run(default(NoMask), 4, new() { Width = width });
            double[] alignment = MonotonicLoops.Alignment(Array.ConvertAll(memory.Energies.Gather(), x => (double)x), Keys, (_, _) => true);
            double[] weights = MonotonicLoops.Chunks(
                alignment, Array.ConvertAll(memory.ChunkEnergies.Gather(), x => (double)x), Keys, 4, (_, _) => true);

            CheckRatios("alignment", memory.Alignment.Gather(), alignment);
            CheckRatios("weights", memory.Weights.Gather(), weights);
        }

        static void CheckRatios(string name, float[] numbers, double[] reference)
        {
            // Below this a float has lost digits already.
            const double Least = 1e-30;
            int[] places = [.. Enumerable.Range(0, numbers.Length).Where(i => reference[i] > Least)];
            places.Length.Should().BeGreaterThan(numbers.Length / 8);
            Tolerance.Golden(name, [.. places.Select(i => (float)(numbers[i] / reference[i]))], [.. places.Select(_ => 1.0)]);
        }
    }

    /// <summary>A query that may stop nowhere runs past the last key: it gets nothing, nor does any after it, and no gradient goes back.</summary>
    [Fact]
    public void AQueryThatMayStopNowhere_EndsTheScan()
    {
        const int Keys = 9;
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 2, 6, Keys]);
        using TestOperand hard = TestOperand.Create(true, [1, 2, 6, Keys]);
        memory.Run(default(ThirdQueryBlind), 3);
        MonotonicAttention.ForwardHard(memory.Energies.Read(), default(ThirdQueryBlind), hard.Write());

        foreach (float[] numbers in memory.Results().Append(hard.Gather()))
        {
            for (int head = 0; head < 2; head++)
            {
                numbers.AsSpan(((head * 6) + 2) * Keys, Keys).ToArray().Should().OnlyContain(x => x == 0);
            }
        }

        memory.Alignment.Gather().AsSpan(3 * Keys, 3 * Keys).ToArray().Should().OnlyContain(x => x == 0);
        hard.Gather().AsSpan(3 * Keys, 3 * Keys).ToArray().Should().OnlyContain(x => x == 0);
        memory.EnergyGradient.Gather().AsSpan(3 * Keys, 3 * Keys).ToArray().Should().OnlyContain(x => x == 0);
        memory.Alignment.Gather().AsSpan(0, 2 * Keys).ToArray().Should().OnlyContain(x => x > 0);
        memory.Results().SelectMany(result => result).Should().OnlyContain(x => float.IsFinite(x));
    }

    /// <summary>NaN in an energy that is allowed is not hidden: it shows from its key on, and nowhere before.</summary>
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void AllowedNaN_ShowsFromItsKeyOn(SimdWidth width)
    {
        const int Keys = 21;
        using MonotonicMemoryCase clean = MonotonicMemoryCase.Random([1, 1, 3, Keys]);
        float[] energies = clean.Energies.Gather();
        energies[Keys + 8] = float.NaN;
        using MonotonicMemoryCase memory = new([1, 1, 3, Keys], energies, clean.ChunkEnergies.Gather(), clean.Gradient.Gather());
        AttentionOptions options = new() { Width = width };
        MonotonicAttention.Forward(clean.Energies.Read(), default(NoMask), clean.Alignment.Write(), options);
        MonotonicAttention.Forward(memory.Energies.Read(), default(NoMask), memory.Alignment.Write(), options);

        float[] expected = clean.Alignment.Gather();
        for (int i = 0; i < expected.Length; i++)
        {
            expected[i] = i >= Keys && i % Keys >= 8 ? float.NaN : expected[i];
        }

        Tolerance.SameBits("alignment", memory.Alignment.Gather(), expected);
    }

    /// <summary>A chunk at least as wide as the keys reaches from the first key to where the scan stops.</summary>
    [Fact]
    public void AWideChunk_IsSoftmaxUpToTheStop()
    {
        const int Keys = 19;
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([1, 1, Keys, Keys]);
        float[] stops = new float[Keys * Keys];
        for (int query = 0; query < Keys; query++)
        {
            stops[(query * Keys) + query] = 1;
        }

        using TestOperand alignment = TestOperand.Create(true, [1, 1, Keys, Keys], stops);
        using TestOperand softmax = TestOperand.Create(true, [1, 1, Keys, Keys]);
        MonotonicChunkwiseAttention.Forward(alignment.Read(), memory.ChunkEnergies.Read(), default(NoMask), int.MaxValue, memory.Weights.Write());
        RowNormalization.Forward(memory.ChunkEnergies.Read(), CausalMask.TopLeft, default(SoftmaxNormalizer), softmax.Write());

        Tolerance.Reordered("weights", memory.Weights.Gather(), softmax.Gather());
    }

    /// <summary>Heads that lie side by side in a position, as views of larger tensors, give the bits of copies.</summary>
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void ViewsWithGaps_GiveTheSameBits(SimdWidth width)
    {
        nint[] lengths = [2, 3, 5, 18];
        AttentionOptions options = new() { Width = width };
        KeyLengthMask mask = new([18, 11]);
        using MonotonicMemoryCase plain = MonotonicMemoryCase.Random(lengths);
        plain.Run(mask, 4, options);
        using TestOperand energies = View(plain.Energies.Gather());
        using TestOperand chunkEnergies = View(plain.ChunkEnergies.Gather());
        using TestOperand gradient = View(plain.Gradient.Gather());
        using TestOperand alignment = View(null);
        using TestOperand weights = View(null);
        using TestOperand alignmentGradient = View(null);
        using TestOperand chunkGradient = View(null);
        using TestOperand energyGradient = View(null);

        MonotonicAttention.Forward(energies.Read(), mask, alignment.Write(), options);
        MonotonicChunkwiseAttention.Forward(alignment.Read(), chunkEnergies.Read(), mask, 4, weights.Write(), options);
        MonotonicChunkwiseAttention.Backward(
            alignment.Read(), chunkEnergies.Read(), gradient.Read(), mask, 4, alignmentGradient.Write(), chunkGradient.Write(), options);
        MonotonicAttention.Backward(energies.Read(), alignment.Read(), alignmentGradient.Read(), mask, energyGradient.Write(), options);

        TestOperand[] views = [alignment, weights, alignmentGradient, chunkGradient, energyGradient];
        foreach ((TestOperand view, float[] expected) in views.Zip(plain.Results()))
        {
            Tolerance.SameBits("result", view.Gather(), expected);
        }

        TestOperand View(float[]? values) => TestOperand.Create(Placement.Positions, 2, 3, 5, 18, values);
    }

    /// <summary>Hides every key from the third query.</summary>
    private readonly struct ThirdQueryBlind : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => query != 2;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
