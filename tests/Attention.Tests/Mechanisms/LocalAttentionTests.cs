using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Attention to windows against plain loops in double.</summary>
public class LocalAttentionTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Everything_IsTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            LocalProblems.Check(LocalProblems.Random(shape, 5, true), default(NoMask), Placement.Guarded, new() { Width = width });
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Masks_AreTheReference(SimdWidth width)
    {
        AttentionOptions options = new() { Width = width };
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            LocalProblems.Check(LocalProblems.Random(shape, 9, true), CausalMask.TopLeft, Placement.Positions, options);
            LocalProblems.Check(LocalProblems.Random(shape, 9, true), default(CheckerboardMask), Placement.Guarded, options);
            LocalProblems.Check(LocalProblems.Random(shape, 4, false), new WindowMask(1, 2, -3), default, options);
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(10, true)]
    [InlineData(60, true)]
    [InlineData(61, true)]
    [InlineData(1000, true)]
    [InlineData(int.MaxValue, true)]
    [InlineData(int.MaxValue, false)]
    public void AnyHalfWidth_IsTheReference(int halfWidth, bool isGaussian)
    {
        LocalProblems.Check(LocalProblems.Random(new(2, 4, 2, 45, 61, 8, 6), halfWidth, isGaussian), default(NoMask));
        LocalProblems.Check(LocalProblems.Random(new(1, 2, 1, 33, 150, 20, 35), halfWidth, isGaussian), default(CheckerboardMask));
    }

    [Fact]
    public void KeyLengths_CutTheWindow()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(new(5, 2, 1, 9, 31, 8, 6), 4, true);

        LocalProblems.Check(problem with { KeyLengths = [31, 30, 7, 1, 0] }, default(NoMask), Placement.Guarded);
        LocalProblems.Check(problem with { KeyLengths = [31, 30, 7, 1, 0] }, CausalMask.BottomRight(9, 31));
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(-0.3f)]
    [InlineData(0f)]
    public void AnyScale_IsTheReference(float scale)
    {
        LocalProblems.Check(LocalProblems.Random(new(1, 2, 1, 17, 23, 8, 6), 4, true), default(NoMask), default, new() { Scale = scale });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Dropout_IsTheReference(bool isGaussian)
    {
        AttentionOptions options = new() { Dropout = 0.3f, DropoutSeed = 9 };
        LocalAttentionProblem<float> problem = LocalProblems.Random(new(2, 2, 1, 37, 29, 8, 6), 6, isGaussian);
        problem = problem with { Attention = problem.Attention with { KeepFactor = Keep } };

        LocalProblems.Check(problem, CausalMask.TopLeft, default, options);

        unsafe float Keep(int batch, int head, int query, int key)
        {
            float factor;
            DropoutMask.FillKeep(options.DropoutSeed, batch, head, query, key, 1, options.Dropout, &factor);
            return factor;
        }
    }

    /// <summary>
    /// Two keys of one score have half the weight each, forward and backward, however large the score is: at 1e10 a float has no room
    /// for the ln 2 of the log-sum-exp.
    /// </summary>
    [Theory]
    [InlineData(1f)]
    [InlineData(1e2f)]
    [InlineData(1e5f)]
    [InlineData(1e15f)]
    public void LargeScores_HaveTheGradientsOfTheirWeights(float factor)
    {
        LocalAttentionProblem<float> problem = new(
            new AttentionProblem<float>(new(1, 1, 1, 1, 2, 1, 1))
            {
                Query = [factor],
                Key = [factor, factor],
                Value = [1, 2],
                OutputGradient = [1],
                LogSumExpGradient = [0],
            },
            [0.5f], 3, false);
        using LocalMemory memory = new(problem);
        memory.Run(default(NoMask), new() { Scale = 1 });

        memory.Weights.Gather().Should().Equal(0.5f, 0.5f);
        memory.Attention.ValueGradient.Gather().Should().Equal(0.5f, 0.5f);
        memory.Attention.KeyGradient.Gather().Should().Equal(-0.25f * factor, 0.25f * factor);
        memory.Attention.QueryGradient.Gather().Should().Equal(0);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    public void TheReference_HasTheGradientsOfDifferences(int halfWidth)
    {
        LocalAttentionProblem<double> problem =
            (LocalProblems.Random(new(2, 4, 2, 5, 9, 3, 2), halfWidth, true) with { KeyLengths = [9, 6] }).Masked(CausalMask.BottomRight(5, 9)).To<double>();
        LocalAttentionLoops<double> gradients = LocalAttentionLoops<double>.Run(problem);

        Check("query", problem.Attention.Query, gradients.Query);
        Check("key", problem.Attention.Key, gradients.Key);
        Check("value", problem.Attention.Value, gradients.Value);
        Check("position", problem.Position, gradients.Position);

        void Check(string name, double[] input, RelativeTensor<double> gradient) =>
            Tolerance.Differences(name, gradient.Sums, FiniteDifferences.Gradient(input, Loss));

        double Loss()
        {
            LocalAttentionLoops<double> moved = LocalAttentionLoops<double>.Run(problem);
            return moved.Output.Sums.Zip(problem.Attention.OutputGradient!, (left, right) => left * right).Sum()
                + moved.LogSumExp.Sums.Zip(problem.Attention.LogSumExpGradient!, (left, right) => double.IsInfinity(left) ? 0 : left * right).Sum();
        }
    }

    [Fact]
    public void UnwantedGradients_AreLeftOut()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(new(2, 4, 2, 45, 61, 8, 6), 5, true);
        using LocalMemory memory = new(problem);
        memory.Run(default(NoMask));
        AttentionMemory operands = memory.Attention;
        float[] query = operands.QueryGradient.Gather();
        float[] value = operands.ValueGradient.Gather();
        operands.QueryGradient.Data.Clear();
        operands.ValueGradient.Data.Clear();
        var window = new LocalWindow(5, true);

        LocalAttention.Backward(
            operands.Query.Read(), operands.Key.Read(), operands.Value.Read(), memory.Position.Read(), window, default(NoMask),
            operands.OutputGradient.Read(), operands.LogSumExpGradient!.Read(), operands.QueryGradient.Write(), default, default, default);
        LocalAttention.Backward(
            operands.Query.Read(), operands.Key.Read(), operands.Value.Read(), memory.Position.Read(), window, default(NoMask),
            operands.OutputGradient.Read(), operands.LogSumExpGradient!.Read(), default, default, operands.ValueGradient.Write(), default);

        Tolerance.SameBits("query's gradient", operands.QueryGradient.Gather(), query);
        Tolerance.SameBits("value's gradient", operands.ValueGradient.Gather(), value);
    }
}
