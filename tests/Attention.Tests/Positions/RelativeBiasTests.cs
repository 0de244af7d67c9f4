using Attention.Positions;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Positions;

/// <summary>The bias of T5 and that of windows: one table, two maps.</summary>
public sealed class RelativeBiasTests
{
    private const float Gap = 12345.678f;

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Forward_LooksUpTheTable(SimdWidth width)
    {
        foreach (BiasCase given in Cases())
        {
            Tolerance.SameBits($"{given}", given.Forward(new() { Width = width }), given.ExpectedBias(given.Table()));
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Backward_SumsWhatReadARow(SimdWidth width)
    {
        foreach (BiasCase given in Cases())
        {
            float[] gradient = given.BiasGradient();
            double[] reference = given.ExpectedGradient(Array.ConvertAll(gradient, number => (double)number));
            double sensitivity = given.ExpectedGradient(Array.ConvertAll(gradient, number => (double)Math.Abs(number))).DefaultIfEmpty().Max();

            Tolerance.Mechanism(
                $"{given}", given.Backward(new() { Width = width }), reference, given.ExpectedGradient(gradient), sensitivity, reference.Length);
        }
    }

    [Fact]
    public void Backward_IsTheGradient()
    {
        foreach (BiasCase given in (BiasCase[])[new SequenceCase(new RelativeBuckets(true, 8, 6), 5, 7, 2) { Offset = 2 }, new WindowCase(2, 3, 2)])
        {
            double[] weights = Array.ConvertAll(given.BiasGradient(), number => (double)number);
            double[] table = AttentionProblems.Wave(1, given.TableRows * given.Heads);

            double[] numerical = FiniteDifferences.Gradient(table, () => given.ExpectedBias(table).Zip(weights, (bias, weight) => bias * weight).Sum());

            Tolerance.Differences($"{given}", given.ExpectedGradient(weights), numerical);
        }
    }

    [Fact]
    public void Threads_DoNotChangeABit()
    {
        foreach (BiasCase given in (BiasCase[])[new SequenceCase(new RelativeBuckets(), 401, 903, 3), new WindowCase(17, 13, 3)])
        {
            float[] bias = given.Forward(new() { MaxDegreeOfParallelism = 1 });
            float[] gradient = given.Backward(new() { MaxDegreeOfParallelism = 1 });
            foreach (int threads in (int[])[2, 3, 7])
            {
                Tolerance.SameBits($"bias of {given}", given.Forward(new() { MaxDegreeOfParallelism = threads }), bias);
                Tolerance.SameBits($"gradient of {given}", given.Backward(new() { MaxDegreeOfParallelism = threads }), gradient);
            }
        }
    }

    /// <summary>A step of the decoder is a row of the whole bias.</summary>
    [Fact]
    public void Offset_IsThePositionOfTheFirstQuery()
    {
        RelativeBuckets buckets = new(isBidirectional: false);
        float[] whole = new SequenceCase(buckets, 40, 40, 2).Forward(default);

        float[] row = new SequenceCase(buckets, 1, 40, 2) { Offset = 39 }.Forward(default);

        Tolerance.SameBits("head 0", row.AsSpan(0, 40), whole.AsSpan(39 * 40, 40));
        Tolerance.SameBits("head 1", row.AsSpan(40, 40), whole.AsSpan((40 + 39) * 40, 40));
    }

    [Fact]
    public void FarOffsets_HaveTheLastBuckets()
    {
        RelativeBuckets buckets = new();

        Tolerance.SameBits("before", Biases(int.MaxValue), [15, 15, 15, 15]);
        Tolerance.SameBits("after", Biases(int.MinValue), [31, 31, 31, 31]);

        float[] Biases(int offset)
        {
            float[] bias = new float[4];
            float[] table = [.. Enumerable.Range(0, 32).Select(row => (float)row)];
            RelativePositionBias.Forward(Layout.Contiguous(32, 1).Read(table), buckets, Layout.Contiguous(1, 2, 2).Write(bias), offset);
            return bias;
        }
    }

    [Fact]
    public void NaN_StaysInItsRowOfTheTable()
    {
        float[] gradient = new float[3 * 3];
        gradient[2] = float.NaN;
        float[] table = new float[8];

        RelativePositionBias.Backward(Layout.Contiguous(1, 3, 3).Read(gradient), new RelativeBuckets(true, 8, 6), Layout.Contiguous(8, 1).Write(table));

        table.Select((number, row) => (number, row)).Where(each => float.IsNaN(each.number)).Select(each => each.row).Should().Equal(6);
    }

    /// <summary>Two by two cells, counted by hand: key 3 stands one row and one column after query 0.</summary>
    [Fact]
    public void AWindow_CountsStepsFromKeyToQuery()
    {
        float[] table = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        float[] bias = new float[16];

        WindowPositionBias.Forward(Layout.Contiguous(9, 1).Read(table), 2, 2, Layout.Contiguous(1, 4, 4).Write(bias));

        bias.Should().Equal(4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4);
    }

    private static IEnumerable<BiasCase> Cases()
    {
        RelativeBuckets both = new();
        foreach ((int queries, int keys) in ((int, int)[])[(1, 1), (1, 37), (37, 1), (5, 7), (16, 16), (17, 33), (130, 301), (3, 2600), (0, 5), (5, 0)])
        {
            foreach (int offset in (int[])[0, keys - queries, 1000, -1000])
            {
                yield return new SequenceCase(both, queries, keys, 3) { Offset = offset };
            }

            yield return new SequenceCase(new RelativeBuckets(false, 7, 20), queries, keys, 2) { Four = true };
        }

        yield return new SequenceCase(new RelativeBuckets(false, 1, 1), 4, 4, 1);
        yield return new SequenceCase(both, 4, 4, 0);
        foreach ((int height, int width) in ((int, int)[])[(1, 1), (1, 5), (5, 1), (2, 3), (7, 7), (3, 17), (13, 11), (6, 100)])
        {
            yield return new WindowCase(height, width, 3);
            yield return new WindowCase(height, width, 1) { Four = true };
        }
    }

    /// <summary>Tables with rows apart, biases that end at a guard page.</summary>
    private abstract record BiasCase(int TableRows, int Queries, int Keys, int Heads)
    {
        public bool Four { get; init; }

        protected Layout BiasLayout => Four ? Layout.Contiguous(1, Heads, Queries, Keys) : Layout.Contiguous(Heads, Queries, Keys);

        protected Layout TableLayout => Layout.Strided([TableRows, Heads], [Heads + 2, 1]);

        public float[] Table() => AttentionProblems.Normal(new Random(1), TableRows * Heads);

        public float[] BiasGradient() => AttentionProblems.Normal(new Random(2), Heads * Queries * Keys);

        public T[] ExpectedBias<T>(T[] table) => PositionLoops.Bias(table, Heads, Queries, Keys, Row);

        public T[] ExpectedGradient<T>(T[] gradient)
            where T : System.Numerics.INumber<T> => PositionLoops.BiasGradient(gradient, TableRows, Heads, Queries, Keys, Row);

        public float[] Forward(PositionOptions options)
        {
            float[] table = TableMemory(Table());
            using GuardedBuffer bias = new(Heads * Queries * Keys);
            Forward(table, bias.Span, options);
            return bias.Span.ToArray();
        }

        public float[] Backward(PositionOptions options)
        {
            float[] table = TableMemory([.. Enumerable.Repeat(float.NaN, TableRows * Heads)]);
            using GuardedBuffer bias = new(BiasGradient());
            Backward(bias.Span, table, options);
            float[] gradient = TableLayout.Gather<float>(table);
            Tolerance.SameBits("memory between the rows", table, TableMemory(gradient));
            return gradient;
        }

        protected abstract int Row(int query, int key);

        protected abstract void Forward(float[] table, Span<float> bias, PositionOptions options);

        protected abstract void Backward(Span<float> bias, float[] table, PositionOptions options);

        private float[] TableMemory(float[] elements)
        {
            float[] memory = new float[TableRows * (Heads + 2)];
            Array.Fill(memory, Gap);
            TableLayout.Scatter<float>(elements, memory);
            return memory;
        }
    }

    private sealed record SequenceCase(RelativeBuckets Buckets, int Queries, int Keys, int Heads)
        : BiasCase(Buckets.Count, Queries, Keys, Heads)
    {
        public int Offset { get; init; }

        protected override int Row(int query, int key) => Buckets.Bucket(key - query - Offset);

        protected override void Forward(float[] table, Span<float> bias, PositionOptions options) =>
            RelativePositionBias.Forward(TableLayout.Read(table), Buckets, BiasLayout.Write(bias), Offset, options);

        protected override void Backward(Span<float> bias, float[] table, PositionOptions options) =>
            RelativePositionBias.Backward(BiasLayout.Read<float>(bias), Buckets, TableLayout.Write(table), Offset, options);
    }

    private sealed record WindowCase(int Height, int Width, int Heads)
        : BiasCase(((2 * Height) - 1) * ((2 * Width) - 1), Height * Width, Height * Width, Heads)
    {
        protected override int Row(int query, int key) => PositionLoops.WindowRow(Height, Width, query, key);

        protected override void Forward(float[] table, Span<float> bias, PositionOptions options) =>
            WindowPositionBias.Forward(TableLayout.Read(table), Height, Width, BiasLayout.Write(bias), options);

        protected override void Backward(Span<float> bias, float[] table, PositionOptions options) =>
            WindowPositionBias.Backward(BiasLayout.Read<float>(bias), Height, Width, TableLayout.Write(table), options);
    }
}
