using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What holds for attention with any normaliser beside its numbers: hidden queries, empty axes, sums, limits, views.</summary>
public class NormalizedAttentionPropertyTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    public static TheoryData<string> AllNormalizers => [.. NormalizerCase.All.Select(normalizer => normalizer.Name)];

    /// <summary>What a query holds that may attend to nothing, and its output's gradient, reach no gradient of keys and values.</summary>
    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void NaNInHiddenQueries_ChangesNoBit(string name)
    {
        AttentionShape shape = new(2, 2, 1, 35, 50, 8, 6);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        float[] query = [.. problem.Query];
        float[] gradient = [.. problem.OutputGradient!];
        for (int row = 0; row < shape.RowCount; row++)
        {
            if (row % 35 >= EarlyQueries.Last)
            {
                query.AsSpan(row * 8, 8).Fill(float.NaN);
                gradient.AsSpan(row * 6, 6).Fill(float.NaN);
            }
        }

        float[][] clean = Results(name, problem, default(EarlyQueries));
        float[][] poisoned = Results(name, problem with { Query = query, OutputGradient = gradient }, default(EarlyQueries));

        for (int i = 0; i < clean.Length; i++)
        {
            Tolerance.SameBits($"{i}", poisoned[i], clean[i]);
        }
    }

    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void EmptyAxes_GiveZerosOrNothing(string name)
    {
        foreach (AttentionShape shape in (AttentionShape[])[new(0, 2, 2, 3, 4, 5, 6), new(1, 2, 2, 0, 4, 5, 6), new(1, 2, 2, 3, 0, 5, 6)])
        {
            foreach (float[] result in Results(name, AttentionProblems.Random(shape), default(NoMask)))
            {
                result.Should().NotContain(number => number != 0, $"{shape}");
            }
        }
    }

    /// <summary>Weights are not negative; but for the logistic function, whose weights do not, those of a row sum to 1.</summary>
    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void Rows_SumToOne(string name)
    {
        const int Keys = 333;
        float[] weights = Results(name, AttentionProblems.Random(new(1, 2, 2, 7, Keys, 8, 6)), default(NoMask))[1];
        weights.Should().OnlyContain(weight => weight >= 0);
        for (int row = 0; row < 14 && name != "sigmoid"; row++)
        {
            // Each of the weights is rounded once, and their sum before the division.
            double sum = weights.AsSpan(row * Keys, Keys).ToArray().Sum(weight => (double)weight);
            sum.Should().BeApproximately(1, Keys * 6e-8);
        }
    }

    /// <summary>The steeper the scores, the nearer is every normaliser that sums to 1 to all weight on the largest score.</summary>
    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void SteepScores_LeadToTheLargest(string name)
    {
        if (name == "sigmoid")
        {
            return;
        }

        AttentionProblem<float> problem = AttentionProblems.Random(new(1, 2, 2, 7, 20, 8, 6));
        AttentionOptions options = new() { Scale = 1e6f };

        Tolerance.Reordered("output", Results(name, problem, default(NoMask), options)[0], Results("hardmax", problem, default(NoMask), options)[0]);
    }

    /// <summary>A window is the dense computation under a mask of the same pairs, whatever tiles it leaves out.</summary>
    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void AWindow_IsTheSamePairsOfADenseMask(string name)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new(1, 2, 1, 75, 131, 8, 6));
        WindowMask window = new(9, 4, 20);
        float[][] restricted = Results(name, problem, window);
        float[][] dense = Results(name, problem, new EveryPair<WindowMask>(window));

        for (int i = 0; i < dense.Length; i++)
        {
            Tolerance.Reordered($"{i}", restricted[i], dense[i]);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void RowsWithGaps_GiveTheSameBits(SimdWidth width)
    {
        const int Rows = 5;
        const int Length = 21;
        float[] scores = AttentionProblems.Normal(new Random(3), Rows * Length);
        float[] gradient = AttentionProblems.Normal(new Random(4), Rows * Length);
        int[] lengths = [21, 0, 7, 16, 20];
        AttentionOptions options = new() { Width = width };
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            (float[] weights, float[] result) = NormalizerRows.Run(normalizer, scores, gradient, Length, lengths, width);
            Layout layout = Layout.Strided([Rows, Length], [Length + 4, 1], 2);
            float[] source = Memory(scores);
            float[] sourceGradient = Memory(gradient);
            float[] destination = Memory(null);
            float[] scoreGradient = Memory(null);
            normalizer.Rows(layout.Read(source), lengths, layout.Write(destination), options);
            normalizer.RowsBackward(
                layout.Read(source), layout.Read(destination), layout.Read(sourceGradient), lengths, layout.Write(scoreGradient), options);

            Tolerance.SameBits($"{normalizer.Name} weights", layout.Gather<float>(destination), weights);
            Tolerance.SameBits($"{normalizer.Name} gradient", layout.Gather<float>(scoreGradient), result);
            foreach (float[] written in (float[][])[destination, scoreGradient])
            {
                float[] expected = Memory(layout.Gather<float>(written));
                Tolerance.SameBits($"{normalizer.Name} between the rows", written, expected);
            }

            float[] Memory(float[]? values)
            {
                float[] memory = [.. Enumerable.Repeat(12345.678f, Rows * (Length + 4))];
                layout.Scatter<float>(values ?? [.. Enumerable.Repeat(float.NaN, Rows * Length)], memory);
                return memory;
            }
        }
    }

    private static float[][] Results<TMask>(string name, AttentionProblem<float> problem, TMask mask, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        NormalizerCase normalizer = NormalizerCase.All.Single(one => one.Name == name);
        using AttentionMemory memory = new(problem, Placement.Guarded);
        using TestOperand weights = TestOperand.Create(true, problem.Shape.ScoreLengths);
        normalizer.Attend(memory, weights, mask, default(NoModifier), options);
        return
        [
            memory.Output.Gather(), weights.Gather(), memory.QueryGradient.Gather(), memory.KeyGradient.Gather(), memory.ValueGradient.Gather(),
        ];
    }

    /// <summary>Hides everything from the later queries.</summary>
    private readonly struct EarlyQueries : IAttentionMask
    {
        internal const int Last = 20;

        public bool Allows(int batch, int head, int query, int key) => query < Last;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }

    /// <summary>The pairs of a mask, of which nothing else is known.</summary>
    private readonly struct EveryPair<TMask>(TMask mask) : IAttentionMask
        where TMask : struct, IAttentionMask
    {
        private readonly TMask _mask = mask;

        public bool Allows(int batch, int head, int query, int key) => _mask.Allows(batch, head, query, key);

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
