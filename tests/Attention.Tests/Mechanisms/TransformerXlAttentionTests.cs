using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Attention with the relative keys of Transformer-XL against plain loops in double.</summary>
public class TransformerXlAttentionTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Everything_IsTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            RelativeProblems.CheckUnclipped(RelativeProblems.Unclipped(shape, true), default(NoMask), Placement.Guarded, new() { Width = width });
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void MasksAndTablesByHead_AreTheReference(SimdWidth width)
    {
        AttentionOptions options = new() { Width = width };
        foreach (AttentionShape shape in ShapeCases.Few)
        {
            RelativeAttentionProblem<float> problem = RelativeProblems.Unclipped(shape, false);
            RelativeProblems.CheckUnclipped(problem, CausalMask.BottomRight(shape.QueryLength, shape.KeyLength), Placement.Positions, options);
            RelativeProblems.CheckUnclipped(problem, default(CheckerboardMask), default, options);
        }
    }

    [Fact]
    public void SeveralTilesAndParts_AreTheReference()
    {
        RelativeProblems.CheckUnclipped(RelativeProblems.Unclipped(new(1, 2, 1, 131, 321, 7, 9), false), CausalMask.BottomRight(131, 321));
        RelativeProblems.CheckUnclipped(RelativeProblems.Unclipped(new(2, 12, 12, 35, 40, 9, 5), true), CausalMask.TopLeft);
    }

    [Fact]
    public void TheReference_HasTheGradientsOfDifferences()
    {
        foreach (bool isShared in (bool[])[true, false])
        {
            RelativeAttentionProblem<double> problem =
                RelativeProblems.Unclipped(new(2, 4, 2, 5, 7, 3, 2), isShared).Masked(CausalMask.BottomRight(5, 7)).To<double>();
            RelativeAttentionLoops<double> gradients = RelativeAttentionLoops<double>.Run(problem);

            Check("query", problem.Attention.Query, gradients.Query);
            Check("key", problem.Attention.Key, gradients.Key);
            Check("value", problem.Attention.Value, gradients.Value);
            Check("relative key", problem.KeyTable!, gradients.KeyTable);
            Check("content bias", problem.ContentBias!, gradients.ContentBias);
            Check("position bias", problem.PositionBias!, gradients.PositionBias);

            void Check(string name, double[] input, RelativeTensor<double> gradient) =>
                Tolerance.Differences(name, gradient.Sums, FiniteDifferences.Gradient(input, Loss));

            double Loss()
            {
                RelativeAttentionLoops<double> moved = RelativeAttentionLoops<double>.Run(problem);
                return moved.Output.Sums.Zip(problem.Attention.OutputGradient!, (left, right) => left * right).Sum()
                    + moved.LogSumExp.Sums.Zip(problem.Attention.LogSumExpGradient!, (left, right) => left * right).Sum();
            }
        }
    }

    /// <summary>
    /// The usual mistake of the shifted matrix. Relative keys point at one distance each, so that a query that meets nothing
    /// else attends to the one key at that distance, wherever it stands and whatever the memory's length.
    /// </summary>
    [Theory]
    [InlineData(6, 6)]
    [InlineData(4, 9)]
    [InlineData(40, 70)]
    [InlineData(7, 3)]
    public void ARelativeKey_IsThatOfItsDistance(int queryLength, int keyLength)
    {
        int offset = keyLength - queryLength;
        for (int distance = offset - keyLength + 1; distance < queryLength + offset; distance++)
        {
            AttentionShape shape = new(1, 1, 1, queryLength, keyLength, 1, 1);
            RelativeAttentionProblem<float> problem = RelativeProblems.Unclipped(shape, true);
            Array.Fill(problem.Attention.Query, 1);
            Array.Clear(problem.Attention.Key);
            Array.Clear(problem.ContentBias!);
            Array.Clear(problem.PositionBias!);
            Array.Clear(problem.KeyTable!);
            problem.KeyTable![queryLength - 1 + offset - distance] = 1000;
            for (int key = 0; key < keyLength; key++)
            {
                problem.Attention.Value[key] = key;
            }

            using TransformerXlMemory memory = new(problem);
            memory.Forward(default(NoMask));

            double[] expected = [.. Enumerable.Range(offset - distance, queryLength).Select(key => key >= 0 && key < keyLength ? key : (keyLength - 1) / 2.0)];
            Tolerance.Golden($"output for distance {distance}", memory.Attention.Output.Gather(), expected);
        }
    }

    /// <summary>A query further on with the memory longer by as much sees the same distances: the same bits.</summary>
    [Fact]
    public void Positions_MayBeShifted()
    {
        AttentionShape whole = new(1, 1, 1, 40, 40, 8, 6);
        RelativeAttentionProblem<float> problem = RelativeProblems.Unclipped(whole, true);
        using TransformerXlMemory all = new(problem);
        all.Forward(default(NoMask));
        AttentionProblem<float> part = problem.Attention with
        {
            Shape = whole with { QueryLength = 3 },
            Query = problem.Attention.Query[(17 * 8)..(20 * 8)],
            OutputGradient = new float[3 * 6],
            LogSumExpGradient = new float[3],
        };

        // Among all, row t is the distance 39 - t; among the three, which begin at 17, it is 2 + 17 - t.
        RelativeAttentionProblem<float> moved = problem with { Attention = part, TableRows = 42, KeyTable = problem.KeyTable![(20 * 8)..(62 * 8)] };
        using TransformerXlMemory some = new(moved);
        some.Forward(default(NoMask));

        Tolerance.SameBits("output", some.Attention.Output.Gather(), all.Attention.Output.Gather().AsSpan(17 * 6, 3 * 6));
        Tolerance.SameBits("log-sum-exp", some.Attention.LogSumExp.Gather(), all.Attention.LogSumExp.Gather().AsSpan(17, 3));
    }
}
