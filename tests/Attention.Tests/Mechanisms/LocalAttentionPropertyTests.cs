using System.Text.Json;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What is known of attention to windows without computing it: golden numbers, limits and other mechanisms.</summary>
public class LocalAttentionPropertyTests
{
    private static readonly AttentionShape s_shape = new(2, 2, 1, 23, 41, 9, 7);

    [Theory]
    [InlineData("luong_local_m_t3_D2", false)]
    [InlineData("luong_local_p_D2_dot", true)]
    public void Golden_WeightsAndContext(string name, bool isGaussian)
    {
        float[] source = Array.ConvertAll(AttentionProblems.Wave(11, 28), number => (float)number);
        LocalAttentionProblem<float> problem = new(
            new AttentionProblem<float>(new(1, 1, 1, 1, 7, 4, 4))
            {
                Query = Array.ConvertAll(AttentionProblems.Wave(10, 4), number => (float)number),
                Key = source,
                Value = source,
            },
            [(float)Golden(name, "p")[0]], 2, isGaussian);
        using LocalMemory memory = new(problem);

        memory.Forward(default(NoMask), new() { Scale = 1 });
        memory.ComputeWeights(default(NoMask), new() { Scale = 1 });

        Tolerance.Golden("weights", memory.Weights.Gather(), Golden(name, "a"));
        Tolerance.Golden("context", memory.Attention.Output.Gather(), Golden(name, "c"));
    }

    /// <summary>The Gaussian multiplies the softmax and is not normalised again: no weight grows, and sigma is half of D.</summary>
    [Fact]
    public void Gaussian_MultipliesTheSoftmax()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 6, true);
        using LocalMemory gaussian = new(problem);
        using LocalMemory plain = new(problem with { IsGaussian = false });
        gaussian.ComputeWeights(default(NoMask));
        plain.ComputeWeights(default(NoMask));

        float[] actual = gaussian.Weights.Gather();
        float[] softmax = plain.Weights.Gather();

        for (int i = 0; i < actual.Length; i++)
        {
            int query = i / 41 % 23;
            double distance = (i % 41) - problem.Position[(i / (41 * 23 * 2) * 23) + query];
            Tolerance.Golden($"weight {i}", [actual[i]], [softmax[i] * Math.Exp(-distance * distance / 18)]);
            actual[i].Should().BeLessThanOrEqualTo(softmax[i]);
        }

        foreach (float[] row in softmax.Chunk(41))
        {
            Tolerance.Golden("sum of the softmax", [row.Sum()], [1]);
        }

        actual.Chunk(41).Should().OnlyContain(row => row.Sum() < 1);
    }

    /// <summary>A window wider than the sentence and a Gaussian that wide: global attention.</summary>
    [Theory]
    [InlineData(41, false)]
    [InlineData(int.MaxValue, false)]
    [InlineData(int.MaxValue, true)]
    public void WideWindow_IsGlobalAttention(int halfWidth, bool isGaussian)
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, halfWidth, isGaussian);

        ShouldBeAttention(problem, default(NoMask), default(NoMask));
        ShouldBeAttention(problem, CausalMask.TopLeft, CausalMask.TopLeft);
    }

    /// <summary>Positions 0, 1, 2, ... make windows that a mask can say.</summary>
    [Fact]
    public void Monotonic_IsAttentionUnderAWindowMask()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 3, false);
        problem = problem with { Position = [.. problem.Position.Select((_, index) => (float)(index % 23))] };

        ShouldBeAttention(problem, default(NoMask), new WindowMask(3, 3));
    }

    [Fact]
    public void HalfWidthOfZero_TakesOneValue()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape with { Batch = 1, Heads = 1 }, 0, true);
        using LocalMemory memory = new(problem);
        memory.Run(default(NoMask));

        for (int query = 0; query < 23; query++)
        {
            int key = (int)Math.Clamp(MathF.Floor(problem.Position[query]), 0, 40);
            Tolerance.SameBits(
                "output", memory.Attention.Output.Gather().AsSpan(query * 7, 7), problem.Attention.Value.AsSpan(key * 7, 7));
        }

        memory.PositionGradient.Gather().Should().OnlyContain(number => number == 0);
    }

    /// <summary>Where the whole part of p changes the window does, and the output jumps; between, it moves by its gradient.</summary>
    [Fact]
    public void Output_JumpsWhereTheWholePartChanges()
    {
        AttentionShape shape = new(1, 1, 1, 1, 9, 4, 3);
        float[] before = Output(3.9999998f);
        float[] after = Output(4f);
        float[] later = Output(4.0000005f);

        Distance(before, after).Should().BeGreaterThan(1e-2);
        Distance(after, later).Should().BeLessThan(1e-5);

        float[] Output(float position)
        {
            LocalAttentionProblem<float> problem = LocalProblems.Random(shape, 1, true) with { Position = [position] };
            using LocalMemory memory = new(problem);
            memory.Forward(default(NoMask));
            return memory.Attention.Output.Gather();
        }

        static double Distance(float[] left, float[] right) => left.Zip(right, (x, y) => Math.Abs(x - y)).Max();
    }

    /// <summary>Four times the keys cost nothing: each query asks about the keys of its window, forward once and backward twice.</summary>
    [Theory]
    [InlineData(1024)]
    [InlineData(4096)]
    public void Work_IsQueriesTimesWindow(int length)
    {
        const int HalfWidth = 10;
        LocalAttentionProblem<float> problem = LocalProblems.Random(new(1, 1, 1, length, length, 2, 2), HalfWidth, true);
        using LocalMemory memory = new(problem);
        AttentionOptions options = new() { MaxDegreeOfParallelism = 1 };
        CountingMask mask = new(new long[1]);
        memory.Forward(mask, options);
        long forward = mask.Asked;
        memory.Backward(mask, options);

        ((double)forward / length).Should().BeInRange(20.5, 21);
        ((double)(mask.Asked - forward) / length).Should().BeInRange(41, 42);
    }

    /// <summary>Allows everything, and counts the keys that it is asked about.</summary>
    private readonly struct CountingMask(long[] asked) : IAttentionMask
    {
        public long Asked => asked[0];

        public bool Allows(int batch, int head, int query, int key) => true;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
        {
            asked[0] += keys.Length;
            return TileCoverage.Full;
        }

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }

    private static void ShouldBeAttention<TMask, TEqual>(LocalAttentionProblem<float> problem, TMask mask, TEqual equal)
        where TMask : struct, IAttentionMask
        where TEqual : struct, IAttentionMask
    {
        AttentionProblem<float> masked = problem.Masked(equal).Attention;
        AttentionResult<double> expected = ReferenceAttention.Forward(masked);
        using LocalMemory memory = new(problem);

        memory.Forward(mask);

        Tolerance.Mechanism(
            "output", memory.Attention.Output.Gather(), expected.Output, FloatLoopAttention.Forward(masked).Output,
            expected.Sensitivity.Output, s_shape.RowCount);
    }

    private static double[] Golden(string name, string part)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/luong.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        JsonElement element = document.RootElement.GetProperty(name).GetProperty(part);
        return element.ValueKind == JsonValueKind.Number ? [element.GetDouble()] : [.. element.EnumerateArray().Select(number => number.GetDouble())];
    }
}
