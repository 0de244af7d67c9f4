using Attention.Positions;
using Attention.Simd;
using Attention.TestKit;
using Attention.Tests.Mechanisms;

namespace Attention.Tests.Positions;

public sealed class RotaryTests
{
    private const int Batch = 2;
    private const int Heads = 3;
    private const int Length = 5;

    private static readonly RotaryLayout[] s_layouts = [RotaryLayout.Interleaved, RotaryLayout.Half];

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    /// <summary>Pairs around each vector count; heads that end with the rotated channels, and heads that go on.</summary>
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Apply_IsTheDefinition(SimdWidth width)
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            foreach (int rotarySize in (int[])[2, 6, 8, 10, 16, 18, 30, 32, 34, 64, 66])
            {
                foreach (int rest in (int[])[0, 1, 19])
                {
                    Verify(new RotaryCase(rotarySize, rotarySize + rest, layout) { Width = width });
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Apply_WorksOnViews_AndTouchesNothingElse(SimdWidth width)
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            Verify(new RotaryCase(34, 37, layout) { Width = width, Placement = Placement.Positions });
            Verify(new RotaryCase(34, 37, layout) { Width = width, Placement = Placement.Guarded });
            Verify(new RotaryCase(34, 34, layout) { Width = width, Placement = Placement.Guarded });
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Apply_InPlace_GivesTheSameBits(SimdWidth width)
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            foreach (Placement placement in (Placement[])[Placement.Contiguous, Placement.Positions])
            {
                RotaryCase given = new(34, 37, layout) { Width = width, Placement = placement };
                using TestOperand input = given.Input();
                using TestOperand apart = given.Output();
                given.Apply(input, apart);

                given.Apply(input, input);

                Tolerance.SameBits($"{given}", input.Gather(), apart.Gather());
            }
        }
    }

    [Fact]
    public void Positions_MayBeGivenOneByOne()
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            Verify(new RotaryCase(10, 12, layout) { Positions = [4, 0, 4, 200, 1, 7, 8, 9, 10, 11] });
            RotaryCase byOffset = new(10, 12, layout) { Offset = 30 };
            Verify(byOffset);
            RotaryCase byPositions = byOffset with { Positions = [30, 31, 32, 33, 34, 30, 31, 32, 33, 34] };
            Tolerance.SameBits($"{layout}", byPositions.Applied(), byOffset.Applied());
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void ApplyInverse_IsTheTranspose_AndUndoes(SimdWidth width)
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            RotaryCase given = new(34, 37, layout) { Width = width, Offset = 1000 };
            Verify(given with { IsInverse = true });
            Verify(given with { IsInverse = true, Positions = [4, 0, 4, 200, 1, 7, 8, 9, 10, 11] });
            using TestOperand values = given.Input();
            float[] before = values.Gather();

            given.Apply(values, values);
            (given with { IsInverse = true }).Apply(values, values);

            // The squares of a cosine and a sine, each rounded, sum to 1 within two roundings, and there are six more operations.
            Tolerance.Reordered($"{given}", values.Gather(), before, roundings: 8);
        }
    }

    /// <summary>With s = sum(w Apply(x)), the gradient by x is ApplyInverse(w): also where an attention factor is in the table.</summary>
    [Fact]
    public void ApplyInverse_IsTheGradient()
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            RotaryCase given = new(6, 7, layout) { Table = new RotaryTable(6, new RotaryOptions { Scaling = new YarnScaling(4, 16) }), IsInverse = true };
            double[] weights = Array.ConvertAll(given.Values(), value => (double)value);
            double[] input = AttentionProblems.Wave(3, weights.Length);

            double[] numerical = FiniteDifferences.Gradient(
                input, () => (given with { IsInverse = false }).Reference(input).Zip(weights, (output, weight) => output * weight).Sum());

            Tolerance.Differences($"{layout}", given.Reference(weights), numerical);
            Tolerance.Mechanism($"{layout}", given.Applied(), given.Reference(weights), given.Plain(), given.Sensitivity(), weights.Length);
        }
    }

    [Fact]
    public void Norms_ArePreserved()
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            RotaryCase given = new(64, 64, layout) { Offset = 100_000 };
            double[] before = Norms(given.Values());

            double[] after = Norms(given.Applied());

            // A squared norm of 64 channels of about 1: each channel is wrong by about two roundings, and they average out.
            Tolerance.Reordered($"{layout}", Array.ConvertAll(after, norm => (float)norm), Array.ConvertAll(before, norm => (float)norm), roundings: 8);
        }

        static double[] Norms(float[] values) => [.. values.Chunk(64).Select(row => row.Sum(value => (double)value * value))];
    }

    [Fact]
    public void Scores_DependOnTheDistanceOfPositionsAlone()
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            foreach (int distance in (int[])[0, 1, 17, 900])
            {
                float[] scores = [.. new int[] { 0, 1, 5, 333, 70_000 }.Select(position => (float)Score(layout, position, position + distance))];

                // 64 products of turned numbers, every one of them wrong by a few roundings of up to about 4.
                Tolerance.Reordered(
                    $"{layout}, distance {distance}", scores, [.. scores.Select(_ => (float)Score(layout, 12, 12 + distance))], roundings: 64);
            }

            Math.Abs(Score(layout, 3, 4) - Score(layout, 3, 5)).Should().BeGreaterThan(0.01, "the distance does matter");
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Threads_DoNotChangeABit(SimdWidth width)
    {
        foreach (RotaryLayout layout in s_layouts)
        {
            RotaryCase given = new(34, 37, layout) { Width = width, Rows = 401, Threads = 1 };
            float[] alone = given.Applied();
            foreach (int threads in (int[])[2, 3, 7])
            {
                Tolerance.SameBits($"{given}", (given with { Threads = threads }).Applied(), alone);
            }
        }
    }

    [Fact]
    public void ALaterRow_DoesNotDependOnThoseBefore()
    {
        RotaryTable table = new(8);
        float[] values = AttentionProblems.Normal(new Random(1), 9 * 8);
        float[] together = new float[9 * 8];
        Rotary.Apply(Layout.Contiguous(1, 1, 9, 8).Read(values), table, 20, RotaryLayout.Half, Layout.Contiguous(1, 1, 9, 8).Write(together));

        float[] single = new float[8];
        Rotary.Apply(Layout.Contiguous(1, 1, 1, 8).Read(values[(7 * 8)..]), table, 27, RotaryLayout.Half, Layout.Contiguous(1, 1, 1, 8).Write(single));

        Tolerance.SameBits("row 7", single, together.AsSpan(7 * 8, 8));
    }

    [Fact]
    public void EmptyAxes_GiveNothing_AndAskForNoPosition()
    {
        RotaryTable table = new(4, new RotaryOptions { Positions = 0 });
        foreach (nint[] lengths in (nint[][])[[0, 2, 3, 4], [2, 0, 3, 4], [2, 2, 0, 4]])
        {
            Layout layout = Layout.Contiguous(lengths);
            FluentActions.Invoking(() => Rotary.Apply(layout.Read(Array.Empty<float>()), table, 5, RotaryLayout.Half, layout.Write(Array.Empty<float>())))
                .Should().NotThrow();
        }
    }

    private static void Verify(RotaryCase given) => Tolerance.Mechanism(
        $"{given}", given.Applied(), given.Reference(Array.ConvertAll(given.Values(), value => (double)value)), given.Plain(), given.Sensitivity(), Batch * Heads * Length);

    private static double Score(RotaryLayout layout, int queryPosition, int keyPosition)
    {
        Random random = new(5);
        float[] query = AttentionProblems.Normal(random, 64);
        float[] key = AttentionProblems.Normal(random, 64);
        RotaryTable table = new(64);
        Turn(query, queryPosition);
        Turn(key, keyPosition);
        return query.Zip(key, (left, right) => (double)left * right).Sum();

        void Turn(float[] row, int position)
        {
            Layout whole = Layout.Contiguous(1, 1, 1, 64);
            Rotary.Apply(whole.Read(row), table, position, layout, whole.Write(row));
        }
    }

    /// <summary>A call on seeded values.</summary>
    private sealed record RotaryCase(int RotarySize, int HeadSize, RotaryLayout Layout)
    {
        public int Rows { get; init; } = Length;

        public int Offset { get; init; } = 3;

        public int[]? Positions { get; init; }

        public bool IsInverse { get; init; }

        public Placement Placement { get; init; }

        public SimdWidth Width { get; init; }

        public int Threads { get; init; }

        public RotaryTable Table { get; init; } = new(RotarySize);

        public float[] Values() => AttentionProblems.Normal(new Random(RotarySize), Batch * Heads * Rows * HeadSize);

        public TestOperand Input() => TestOperand.Create(Placement, Batch, Heads, Rows, HeadSize, Values());

        public TestOperand Output() => TestOperand.Create(Placement, Batch, Heads, Rows, HeadSize);

        public float[] Applied()
        {
            using TestOperand input = Input();
            using TestOperand output = Output();
            Apply(input, output);
            Tolerance.SameBits("input", input.Gather(), Values());
            return output.Gather();
        }

        public void Apply(TestOperand input, TestOperand output)
        {
            PositionOptions options = new() { Width = Width, MaxDegreeOfParallelism = Threads };
            switch (IsInverse, Positions)
            {
                case (false, null):
                    Rotary.Apply(input.Read(), Table, Offset, Layout, output.Write(), options);
                    break;
                case (true, null):
                    Rotary.ApplyInverse(input.Read(), Table, Offset, Layout, output.Write(), options);
                    break;
                case (false, _):
                    Rotary.Apply(input.Read(), Table, Positions, Layout, output.Write(), options);
                    break;
                default:
                    Rotary.ApplyInverse(input.Read(), Table, Positions, Layout, output.Write(), options);
                    break;
            }
        }

        public double[] Reference(double[] values) => PositionLoops.Rotate(
            values, HeadSize, Each(position => Widen(Table.Cosines(position))), Each(position => Widen(Table.Sines(position))), Layout == RotaryLayout.Interleaved, IsInverse);

        public float[] Plain() => PositionLoops.Rotate(
            Values(), HeadSize, Each(position => Table.Cosines(position).ToArray()), Each(position => Table.Sines(position).ToArray()), Layout == RotaryLayout.Interleaved, IsInverse);

        /// <summary>Two numbers to each of two products: twice the sum of magnitudes.</summary>
        public double Sensitivity() => 2 * PositionLoops.Rotate(
            Array.ConvertAll(Values(), value => (double)Math.Abs(value)), HeadSize, Each(_ => Ones()), Each(_ => Ones()), Layout == RotaryLayout.Interleaved).Max();

        private static double[] Widen(ReadOnlySpan<float> numbers) => Array.ConvertAll(numbers.ToArray(), number => (double)number);

        private double[] Ones() => [.. Enumerable.Repeat(1.0, RotarySize / 2)];

        /// <summary>For every row of the batch, heads and rows, its position.</summary>
        private T[] Each<T>(Func<int, T> of) =>
        [
            .. from batch in Enumerable.Range(0, Batch)
               from head in Enumerable.Range(0, Heads)
               from row in Enumerable.Range(0, Rows)
               select of(Positions is null ? Offset + row : Positions[(batch * Rows) + row]),
        ];
    }
}
