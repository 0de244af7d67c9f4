using Attention.Positions;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Positions;

public sealed class PositionTableTests
{
    private const float Gap = 12345.678f;

    private static readonly (int Height, int Width, int NewHeight, int NewWidth)[] s_grids =
        [(1, 1, 1, 1), (1, 1, 3, 2), (3, 2, 1, 1), (2, 3, 2, 3), (2, 3, 5, 7), (14, 14, 16, 9), (7, 5, 3, 4), (1, 6, 4, 3)];

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Resize_IsBilinear(SimdWidth width)
    {
        foreach (ResizeCase given in Cases())
        {
            float[] table = given.Table();
            double[] sensitivity = given.Reference(Array.ConvertAll(table, number => (double)Math.Abs(number)));

            Tolerance.Mechanism(
                $"{given}", given.Resize(new() { Width = width }), given.Reference(Array.ConvertAll(table, number => (double)number)),
                given.Reference(table), 2 * sensitivity.DefaultIfEmpty().Max(), given.NewRows);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void ResizeBackward_IsTheTranspose(SimdWidth width)
    {
        foreach (ResizeCase given in Cases())
        {
            float[] gradient = given.Gradient();
            double[] sensitivity = given.ReferenceGradient(Array.ConvertAll(gradient, number => (double)Math.Abs(number)));

            Tolerance.Mechanism(
                $"{given}", given.ResizeBackward(new() { Width = width }), given.ReferenceGradient(Array.ConvertAll(gradient, number => (double)number)),
                given.ReferenceGradient(gradient), 2 * sensitivity.DefaultIfEmpty().Max(), given.Rows);
        }
    }

    [Fact]
    public void ReferenceGradient_IsTheGradient()
    {
        foreach (GridAlignment alignment in (GridAlignment[])[GridAlignment.Corners, GridAlignment.Edges])
        {
            ResizeCase given = new(new GridResize(2, 3, 4, 2) { ClassTokens = 1, Alignment = alignment }, 2);
            double[] weights = Array.ConvertAll(given.Gradient(), number => (double)number);
            double[] table = AttentionProblems.Wave(1, given.Rows * 2);

            double[] numerical = FiniteDifferences.Gradient(table, () => given.Reference(table).Zip(weights, (output, weight) => output * weight).Sum());

            Tolerance.Differences($"{given}", given.ReferenceGradient(weights), numerical);
        }
    }

    [Theory]
    [InlineData(GridAlignment.Corners)]
    [InlineData(GridAlignment.Edges)]
    public void TheSameGrid_IsCopied_EvenWithInfinities(GridAlignment alignment)
    {
        float[] table = AttentionProblems.Normal(new Random(1), 13 * 5);
        table[17] = float.PositiveInfinity;
        table[33] = float.NaN;
        float[] resized = new float[13 * 5];

        PositionTable.Resize(
            Layout.Contiguous(13, 5).Read(table), new GridResize(3, 4, 3, 4) { ClassTokens = 1, Alignment = alignment }, Layout.Contiguous(13, 5).Write(resized));

        Tolerance.SameBits("resized", resized, table);
    }

    /// <summary>Two cells to four.</summary>
    [Fact]
    public void Alignments_DifferInWhatLiesBetween()
    {
        float[] table = [7, 0, 6];
        float[] resized = new float[4 + 1];

        PositionTable.Resize(Layout.Contiguous(3, 1).Read(table), new GridResize(1, 2, 1, 4) { ClassTokens = 1 }, Layout.Contiguous(5, 1).Write(resized));
        Tolerance.Golden("corners", resized, [7, 0, 2, 4, 6]);

        PositionTable.Resize(
            Layout.Contiguous(3, 1).Read(table), new GridResize(1, 2, 1, 4) { ClassTokens = 1, Alignment = GridAlignment.Edges }, Layout.Contiguous(5, 1).Write(resized));
        Tolerance.Golden("edges", resized, [7, 0, 1.5, 4.5, 6]);
    }

    [Fact]
    public void Threads_DoNotChangeABit()
    {
        ResizeCase given = new(new GridResize(9, 7, 14, 12) { ClassTokens = 1 }, 333);
        float[] resized = given.Resize(new() { MaxDegreeOfParallelism = 1 });
        float[] gradient = given.ResizeBackward(new() { MaxDegreeOfParallelism = 1 });
        foreach (int threads in (int[])[2, 3, 7])
        {
            Tolerance.SameBits($"{threads} threads", given.Resize(new() { MaxDegreeOfParallelism = threads }), resized);
            Tolerance.SameBits($"{threads} threads", given.ResizeBackward(new() { MaxDegreeOfParallelism = threads }), gradient);
        }
    }

    [Fact]
    public void BadInput_IsNamed()
    {
        float[] read = new float[100];
        float[] written = new float[100];
        GridResize grid = new(2, 3, 4, 2) { ClassTokens = 1 };
        Refused("table", () => Resize([28], [9, 4], grid));
        Refused("table", () => Resize([6, 4], [9, 4], grid));
        Refused("destination", () => Resize([7, 4], [8, 4], grid));
        Refused("destination", () => Resize([7, 4], [9, 5], grid));
        Refused("destination", () => Resize([7, 4], [36], grid));
        Refused("grid", () => Resize([7, 4], [9, 4], default));
        Refused("grid", () => Resize([7, 4], [9, 4], grid with { ClassTokens = -1 }));
        Refused("grid", () => Resize([7, 4], [9, 4], grid with { Alignment = (GridAlignment)9 }));
        Refused("options", () => Resize([7, 4], [9, 4], grid, new() { MaxDegreeOfParallelism = -1 }));
        Refused("options", () => Backward([9, 4], [7, 4], grid, new() { Width = (SimdWidth)77 }));
        Refused("destinationGradient", () => Backward([7, 4], [7, 4], grid));
        Refused("tableGradient", () => Backward([9, 4], [9, 4], grid));
        Refused("tableGradient", () => Backward([9, 4], [7, 3], grid));
        Refused("grid", () => Backward([9, 4], [7, 4], default));
        Refused("destination", () => PositionTable.Resize(Layout.Contiguous(7, 4).Read(written), grid, Layout.Contiguous(9, 4).Write(written)));
        Refused("tableGradient", () => PositionTable.ResizeBackward(Layout.Contiguous(9, 4).Read(written), grid, Layout.Contiguous(7, 4).Write(written)));
        Refused("height", () => _ = new GridResize(0, 1, 1, 1));
        Refused("width", () => _ = new GridResize(1, -1, 1, 1));
        Refused("newHeight", () => _ = new GridResize(1, 1, 0, 1));
        Refused("newWidth", () => _ = new GridResize(1, 1, 1, 0));
        Refused("width", () => _ = new GridResize(1 << 16, 1 << 16, 1, 1));
        Refused("newWidth", () => _ = new GridResize(1, 1, 1 << 16, 1 << 16));

        void Resize(nint[] table, nint[] destination, GridResize resize, PositionOptions options = default) =>
            PositionTable.Resize(Layout.Contiguous(table).Read(read), resize, Layout.Contiguous(destination).Write(written), options);

        void Backward(nint[] gradient, nint[] table, GridResize resize, PositionOptions options = default) =>
            PositionTable.ResizeBackward(Layout.Contiguous(gradient).Read(read), resize, Layout.Contiguous(table).Write(written), options);

        void Refused(string parameter, Action call)
        {
            call.Should().Throw<ArgumentException>().WithParameterName(parameter);
            written.Should().OnlyContain(number => number == 0);
        }
    }

    private static IEnumerable<ResizeCase> Cases()
    {
        foreach ((int height, int width, int newHeight, int newWidth) in s_grids)
        {
            foreach (GridAlignment alignment in (GridAlignment[])[GridAlignment.Corners, GridAlignment.Edges])
            {
                foreach ((int classTokens, int size) in ((int, int)[])[(0, 1), (1, 17), (2, 67), (1, 130), (1, 0)])
                {
                    yield return new ResizeCase(new GridResize(height, width, newHeight, newWidth) { ClassTokens = classTokens, Alignment = alignment }, size);
                }
            }
        }
    }

    /// <summary>What is read ends at a guard page, what is written has gaps between its rows.</summary>
    private sealed record ResizeCase(GridResize Grid, int Size)
    {
        public int Rows => Grid.ClassTokens + (Grid.Height * Grid.Width);

        public int NewRows => Grid.ClassTokens + (Grid.NewHeight * Grid.NewWidth);

        public float[] Table() => AttentionProblems.Normal(new Random(1), Rows * Size);

        public float[] Gradient() => AttentionProblems.Normal(new Random(2), NewRows * Size);

        public T[] Reference<T>(T[] table)
            where T : System.Numerics.INumber<T> => Size == 0 ? [] : PositionLoops.Resize(
                table, Grid.ClassTokens, Grid.Height, Grid.Width, Grid.NewHeight, Grid.NewWidth, Grid.Alignment == GridAlignment.Edges);

        public T[] ReferenceGradient<T>(T[] gradient)
            where T : System.Numerics.INumber<T> => Size == 0 ? [] : PositionLoops.ResizeGradient(
                gradient, Grid.ClassTokens, Grid.Height, Grid.Width, Grid.NewHeight, Grid.NewWidth, Grid.Alignment == GridAlignment.Edges);

        public float[] Resize(PositionOptions options) => Written(
            Rows, Table(), NewRows, (source, read, target, write) => PositionTable.Resize(read.Read<float>(source.Span), Grid, write.Write(target), options));

        public float[] ResizeBackward(PositionOptions options) => Written(
            NewRows, Gradient(), Rows, (source, read, target, write) => PositionTable.ResizeBackward(read.Read<float>(source.Span), Grid, write.Write(target), options));

        private float[] Written(int rows, float[] values, int newRows, Action<GuardedBuffer, Layout, float[], Layout> call)
        {
            using GuardedBuffer source = new(values);
            Layout read = Layout.Contiguous(rows, Size);
            Layout write = Layout.Strided([newRows, Size], [Size + 3, 1]);
            float[] target = Memory(write, newRows, [.. Enumerable.Repeat(float.NaN, newRows * Size)]);
            call(source, read, target, write);
            float[] written = write.Gather<float>(target);
            Tolerance.SameBits("memory between the rows", target, Memory(write, newRows, written));
            return written;
        }

        private float[] Memory(Layout layout, int rows, float[] elements)
        {
            float[] memory = new float[rows * (Size + 3)];
            Array.Fill(memory, Gap);
            layout.Scatter<float>(elements, memory);
            return memory;
        }
    }
}
