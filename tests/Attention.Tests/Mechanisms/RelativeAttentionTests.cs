using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Attention by clipped distances against plain loops in double.</summary>
public class RelativeAttentionTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Everything_IsTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            RelativeProblems.Check(RelativeProblems.Clipped(shape, 5), 0, default(NoMask), Placement.Guarded, new() { Width = width });
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Masks_AreTheReference(SimdWidth width)
    {
        AttentionOptions options = new() { Width = width };
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            RelativeProblems.Check(RelativeProblems.Clipped(shape, 3), 0, CausalMask.TopLeft, Placement.Positions, options);
            RelativeProblems.Check(RelativeProblems.Clipped(shape, 3, 2), 2, default(CheckerboardMask), default, options);
            RelativeProblems.Check(RelativeProblems.Clipped(shape, 3), 0, default(NoMask), Placement.Positions, options);
            RelativeProblems.Check(RelativeProblems.Clipped(shape, 2), 0, new WindowMask(1, 2, -3), default, options);
        }
    }

    [Fact]
    public void SeveralTilesAndParts_AreTheReference()
    {
        RelativeProblems.Check(RelativeProblems.Clipped(new(1, 2, 1, 131, 321, 7, 9), 40), 0, CausalMask.BottomRight(131, 321));
        RelativeProblems.Check(RelativeProblems.Clipped(new(2, 12, 12, 35, 40, 9, 5), 4), 0, CausalMask.TopLeft);
        RelativeProblems.Check(RelativeProblems.Clipped(new(1, 1, 1, 520, 33, 16, 16), 600), 0, default(NoMask));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void EitherTable_MayBeAbsent(bool hasKeyTable, bool hasValueTable)
    {
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            RelativeProblems.Check(RelativeProblems.Clipped(shape, 4, 0, hasKeyTable, hasValueTable), 0, CausalMask.TopLeft);
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 7)]
    [InlineData(1, -5)]
    [InlineData(60, 0)]
    [InlineData(200, 3)]
    [InlineData(3, 1000)]
    [InlineData(3, -1000)]
    [InlineData(3, int.MaxValue)]
    [InlineData(3, int.MinValue)]
    public void AnyReachAndOffset_IsTheReference(int k, int offset)
    {
        RelativeProblems.Check(RelativeProblems.Clipped(new(1, 2, 1, 45, 61, 8, 6), k, offset), offset, default(NoMask));
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(-0.3f)]
    [InlineData(0f)]
    public void AnyScale_IsTheReference(float scale)
    {
        RelativeProblems.Check(RelativeProblems.Clipped(new(1, 2, 1, 17, 23, 8, 6), 4), 0, default(NoMask), default, new() { Scale = scale });
    }

    [Fact]
    public void Dropout_IsTheReference()
    {
        AttentionOptions options = new() { Dropout = 0.3f, DropoutSeed = 9 };
        RelativeAttentionProblem<float> problem = RelativeProblems.Clipped(new(2, 2, 1, 37, 29, 8, 6), 4);
        problem = problem with { Attention = problem.Attention with { KeepFactor = Keep } };

        RelativeProblems.Check(problem, 0, CausalMask.TopLeft, default, options);

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
        RelativeAttentionProblem<double> problem = RelativeProblems.Clipped(new(2, 4, 2, 5, 7, 3, 2), 2, 1).Masked(CausalMask.BottomRight(5, 7)).To<double>();
        RelativeAttentionLoops<double> gradients = RelativeAttentionLoops<double>.Run(problem);

        Check("query", problem.Attention.Query, gradients.Query);
        Check("key", problem.Attention.Key, gradients.Key);
        Check("value", problem.Attention.Value, gradients.Value);
        Check("key table", problem.KeyTable!, gradients.KeyTable);
        Check("value table", problem.ValueTable!, gradients.ValueTable);

        void Check(string name, double[] input, RelativeTensor<double> gradient) =>
            Tolerance.Differences(name, gradient.Sums, FiniteDifferences.Gradient(input, Loss));

        double Loss()
        {
            RelativeAttentionLoops<double> moved = RelativeAttentionLoops<double>.Run(problem);
            return moved.Output.Sums.Zip(problem.Attention.OutputGradient!, (left, right) => left * right).Sum()
                + moved.LogSumExp.Sums.Zip(problem.Attention.LogSumExpGradient!, (left, right) => left * right).Sum();
        }
    }

    /// <summary>With tables of zeros it is plain attention.</summary>
    [Fact]
    public void TablesOfZeros_ChangeNothing()
    {
        AttentionShape shape = new(1, 2, 1, 45, 61, 8, 6);
        RelativeAttentionProblem<float> problem = RelativeProblems.Clipped(shape, 4);
        Array.Clear(problem.KeyTable!);
        Array.Clear(problem.ValueTable!);
        using RelativeMemory memory = new(problem, 0);
        AttentionResult<double> expected = ReferenceAttention.Forward(problem.Attention);

        memory.Forward(default(NoMask));

        Tolerance.Mechanism(
            "output", memory.Attention.Output.Gather(), expected.Output, FloatLoopAttention.Forward(problem.Attention).Output,
            expected.Sensitivity.Output, shape.RowCount);
    }

    /// <summary>Three queries behind a cache are what they are among all, moved by the offset.</summary>
    [Fact]
    public void Queries_SeeDistancesAndNotPositions()
    {
        AttentionShape whole = new(1, 1, 1, 40, 40, 8, 6);
        RelativeAttentionProblem<float> problem = RelativeProblems.Clipped(whole, 6);
        using RelativeMemory all = new(problem, 0);
        all.Forward(default(NoMask));
        AttentionProblem<float> part = problem.Attention with
        {
            Shape = whole with { QueryLength = 3 },
            Query = problem.Attention.Query[(17 * 8)..(20 * 8)],
            OutputGradient = new float[3 * 6],
            LogSumExpGradient = new float[3],
        };
        using RelativeMemory some = new(problem with { Attention = part }, 17);

        some.Forward(default(NoMask));

        Tolerance.SameBits("output", some.Attention.Output.Gather(), all.Attention.Output.Gather().AsSpan(17 * 6, 3 * 6));
        Tolerance.SameBits("log-sum-exp", some.Attention.LogSumExp.Gather(), all.Attention.LogSumExp.Gather().AsSpan(17, 3));
    }
}
