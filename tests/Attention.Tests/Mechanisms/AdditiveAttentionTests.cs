using System.Text.Json;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Additive attention against plain loops in double.</summary>
public class AdditiveAttentionTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Everything_IsTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            AdditiveProblems.Check(AdditiveProblems.Random(shape), default(NoMask), Placement.Guarded, new() { Width = width });
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Masks_AreTheReference(SimdWidth width)
    {
        AttentionOptions options = new() { Width = width };
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(shape);
            AdditiveProblems.Check(problem, CausalMask.TopLeft, Placement.Positions, options);
            AdditiveProblems.Check(problem, default(CheckerboardMask), default, options);
            AdditiveProblems.Check(problem, default(NoMask), Placement.Positions, options);
            AdditiveProblems.Check(problem, new WindowMask(1, 2, -3), default, options);
        }
    }

    [Fact]
    public void SeveralTilesBlocksAndParts_AreTheReference()
    {
        AdditiveProblems.Check(AdditiveProblems.Random(new(1, 2, 1, 131, 1321, 7, 9)), CausalMask.BottomRight(131, 1321));
        AdditiveProblems.Check(AdditiveProblems.Random(new(2, 12, 12, 35, 40, 9, 5)), CausalMask.TopLeft);
        AdditiveProblems.Check(AdditiveProblems.Random(new(1, 1, 1, 520, 33, 16, 16)), default(NoMask));
        AdditiveProblems.Check(AdditiveProblems.Random(new(1, 1, 1, 3, 201, 600, 4)), default(CheckerboardMask));
        AdditiveProblems.Check(AdditiveProblems.Random(new(1, 1, 1, 70, 1100, 5, 6)), new WindowMask(20, 20, 500));
    }

    [Fact]
    public void ProblemsOfChance_AreTheReference()
    {
        Random random = new(5);
        for (int i = 0; i < 60; i++)
        {
            int keyHeads = random.Next(1, 4);
            AttentionShape shape = new(
                random.Next(1, 4), keyHeads * random.Next(1, 4), keyHeads, random.Next(1, 70), random.Next(1, 150), random.Next(1, 40), random.Next(1, 40));
            AdditiveProblems.Check(AdditiveProblems.Random(shape, seed: i), new DrawnMask(i, shape.KeyLength, random.Next(2) == 0));
        }
    }

    /// <summary>From numbers as the paper's first weights give to ones that saturate, some of them by far.</summary>
    [Theory]
    [InlineData(1e-20f)]
    [InlineData(0.01f)]
    [InlineData(4f)]
    [InlineData(1e4f)]
    [InlineData(1e30f)]
    public void AnySize_IsTheReference(float factor)
    {
        AdditiveProblems.Check(AdditiveProblems.Random(new(1, 2, 1, 33, 70, 32, 6), factor), default(NoMask));
    }

    [Fact]
    public void Dropout_IsTheReference()
    {
        AttentionOptions options = new() { Dropout = 0.3f, DropoutSeed = 9 };
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(new(2, 2, 1, 37, 629, 8, 6));
        problem = problem with { Attention = problem.Attention with { KeepFactor = Keep } };

        AdditiveProblems.Check(problem, CausalMask.BottomRight(37, 629), default, options);

        unsafe float Keep(int batch, int head, int query, int key)
        {
            float factor;
            DropoutMask.FillKeep(options.DropoutSeed, batch, head, query, key, 1, options.Dropout, &factor);
            return factor;
        }
    }

    [Fact]
    public void TheReference_HasTheGradientsOfDifferences()
    {
        AdditiveAttentionProblem<double> problem = AdditiveProblems.Random(new(2, 4, 2, 5, 7, 3, 2)).Masked(CausalMask.BottomRight(5, 7)).To<double>();
        AdditiveAttentionLoops<double> gradients = AdditiveAttentionLoops<double>.Run(problem);

        Check("query", problem.Attention.Query, gradients.Query);
        Check("key", problem.Attention.Key, gradients.Key);
        Check("value", problem.Attention.Value, gradients.Value);
        Check("score vector", problem.ScoreVector, gradients.ScoreVector);

        void Check(string name, double[] input, RelativeTensor<double> gradient) =>
            Tolerance.Differences(name, gradient.Sums, FiniteDifferences.Gradient(input, Loss));

        double Loss() => AdditiveAttentionLoops<double>.Run(problem).Output.Sums
            .Zip(problem.Attention.OutputGradient!, (left, right) => left * right).Sum();
    }

    /// <summary>The golden numbers, projected by plain loops; the normalised form multiplies the score vector by g / ||v||.</summary>
    [Theory]
    [InlineData("bahdanau", 0)]
    [InlineData("bahdanau_normed_g0.8", 0.8)]
    public void GoldenNumbers_AreMet(string name, double gain)
    {
        double[] state = AttentionProblems.Wave(4, 3);
        double[] annotations = AttentionProblems.Wave(5, 20);
        double[] vector = AttentionProblems.Wave(8, 2);
        double[] bias = gain == 0 ? [0, 0] : AttentionProblems.Wave(9, 2);
        double factor = gain == 0 ? 1 : gain / Math.Sqrt(vector.Sum(number => number * number));
        float[] query = [.. Project(AttentionProblems.Wave(6, 6), state, 3).Zip(bias, (left, right) => (float)(left + right))];
        float[] key = [.. Project(AttentionProblems.Wave(7, 8), annotations, 4).Select(number => (float)number)];
        AdditiveAttentionProblem<float> problem = new(
            new AttentionProblem<float>(new(1, 1, 1, 1, 5, 2, 4)) { Query = query, Key = key, Value = Floats(annotations) },
            Floats([.. vector.Select(number => number * factor)]));
        using AdditiveMemory memory = new(problem);

        memory.Forward(default(NoMask));
        memory.Weights(default(NoMask));

        Tolerance.Golden("context", memory.Attention.Output.Gather(), Golden(name, "c"));
        Tolerance.Golden("weights", memory.Results().Single(result => result.Name == "weights").Numbers, Golden(name, "a"));

        static float[] Floats(double[] numbers) => Array.ConvertAll(numbers, number => (float)number);
    }

    /// <summary>A zero score vector attends to all keys alike, as the paper's first one does.</summary>
    [Fact]
    public void AScoreVectorOfZeros_IsUniform()
    {
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(new(1, 1, 1, 3, 64, 8, 6));
        Array.Clear(problem.ScoreVector);
        using AdditiveMemory memory = new(problem);

        memory.Weights(default(NoMask));

        memory.Results().Single(result => result.Name == "weights").Numbers.Should().OnlyContain(weight => weight == 1f / 64);
    }

    private static IEnumerable<double> Project(double[] weight, double[] rows, int size)
    {
        for (int row = 0; row < rows.Length / size; row++)
        {
            for (int unit = 0; unit < weight.Length / size; unit++)
            {
                yield return Enumerable.Range(0, size).Sum(i => weight[(unit * size) + i] * rows[(row * size) + i]);
            }
        }
    }

    private static double[] Golden(string name, string part)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/additive.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. document.RootElement.GetProperty(name).GetProperty(part).EnumerateArray().Select(number => number.GetDouble())];
    }
}
