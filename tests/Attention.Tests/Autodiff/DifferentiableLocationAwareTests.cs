using Attention.Autodiff;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using Attention.Tests.Layers;
using Attention.Tests.Mechanisms;

namespace Attention.Tests.Autodiff;

/// <summary>Location-aware attention and the coverage loss on the tape, against central differences in double.</summary>
public class DifferentiableLocationAwareTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void LocationAwareAttention_HasTheGradientsOfDifferences(bool isSigmoid, bool isAccumulated)
    {
        LocationAwareProblem<double> problem = LocationAwareProblems.Random(2, 3, 6, 5, 4, 2, 3).To<double>() with
        {
            ContextGradient = null,
            AlignmentGradient = null,
            IsSigmoid = isSigmoid,
            IsAccumulated = isAccumulated,
            Mask = (batch, _, key) => key < 4 + batch,
        };
        LocationAwareOptions options = new()
        {
            Normalizer = isSigmoid ? LocationNormalizer.Sigmoid : LocationNormalizer.Softmax,
            Source = isAccumulated ? LocationSource.AccumulatedAlignments : LocationSource.PreviousAlignment,
        };

        GradientCheck.Run(
            inputs => Join(Differentiable.LocationAwareAttention(
                inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], new KeyLengthMask([4, 5]), inputs[5], inputs[6], inputs[7], options)),
            values => Formula(problem with
            {
                Query = values[0].Values,
                Key = values[1].Values,
                Value = values[2].Values,
                ScoreVector = values[3].Values,
                Projection = values[4].Values,
                Filters = values[5].Values,
                ScoreBias = values[6].Values,
                Initial = values[7].Values,
            }),
            [2, 3, 5], [2, 6, 5], [2, 6, 4], [5], [5, 2], [2, 3], [1], [2, 6]);
    }

    /// <summary>A loss of the contexts alone leaves nothing of an older gradient in the alignments' part.</summary>
    [Fact]
    public void ContextsAlone_HaveTheGradientsOfDifferences()
    {
        LocationAwareProblem<double> problem = LocationAwareProblems.Random(1, 3, 6, 5, 4, 1, 1).To<double>() with
        {
            ContextGradient = null,
            AlignmentGradient = null,
            Filters = null,
            ScoreBias = null,
            Initial = null,
        };

        GradientCheck.Run(
            inputs =>
            {
                (Variable context, Variable alignments) = Differentiable.LocationAwareAttention(
                    inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], default(NoMask));
                alignments.Dispose();
                return context;
            },
            values => new PlainTensor([], 0).With(
                LocationAwareLoops<double>.Run(problem with
                {
                    Query = values[0].Values,
                    Key = values[1].Values,
                    Value = values[2].Values,
                    ScoreVector = values[3].Values,
                    Projection = values[4].Values,
                }).Context, 1, 3, 4),
            [1, 3, 5], [1, 6, 5], [1, 6, 4], [5], [5, 1]);
    }

    /// <summary>The loss of alignments that are softmaxes of the inputs would meet no tie; normal numbers do not either.</summary>
    [Fact]
    public void CoverageLoss_HasTheGradientsOfDifferences()
    {
        GradientCheck.Run(
            inputs => Differentiable.CoverageLoss(inputs[0], inputs[1]),
            values =>
            {
                double[] losses = new double[6];
                double[] coverage = [.. values[1].Values];
                for (int place = 0; place < values[0].Values.Length; place++)
                {
                    (int row, int key) = (place / 5, place % 5);
                    int covered = (row / 3 * 5) + key;
                    losses[row] += Math.Min(values[0].Values[place], coverage[covered]);
                    coverage[covered] += values[0].Values[place];
                }

                return values[0].With(losses, 2, 3);
            },
            [2, 3, 5], [2, 5]);
    }

    /// <summary>What was computed from parameters without a tape has a gradient that a tape would lose, so the two must not meet.</summary>
    [Fact]
    public void ParametersWithoutATape_MustNotMeetOne()
    {
        using LocationAwareAttentionLayer layer = new(new() { QuerySize = 3, SourceSize = 4, HiddenSize = 5, Filters = 2, Width = 3 });
        using Variable query = LayerNumbers.Input(1, 2, 3, 3);
        using Variable source = LayerNumbers.Input(2, 2, 6, 4);
        using LocationAwareState state = layer.Start(source, [4, 6]);
        (Variable context, Variable alignments) = layer.Forward(query, state);
        using Variable losses = Differentiable.CoverageLoss(alignments);
        using Variable cleared = Differentiable.ClearPadding(context, [2, 3]);
        using var tape = new Tape();
        foreach (Variable result in (Variable[])[context, alignments, losses, cleared, state.Location])
        {
            using Variable watched = tape.Watch(LayerNumbers.Tensor(3, result.Data.Lengths));
            FluentActions.Invoking(() => Differentiable.Add(result, watched)).Should().Throw<InvalidOperationException>();
        }

        context.Dispose();
        alignments.Dispose();
    }

    private static Variable Join((Variable Context, Variable Alignments) results)
    {
        using (results.Context)
        using (results.Alignments)
        {
            return Differentiable.Concatenate(2, results.Context, results.Alignments);
        }
    }

    private static PlainTensor Formula(LocationAwareProblem<double> problem)
    {
        LocationAwareLoops<double> loops = LocationAwareLoops<double>.Run(problem);
        double[] joined = [.. Enumerable.Range(0, problem.Batch * problem.QueryLength).SelectMany(row =>
            loops.Context.Skip(row * problem.ValueSize).Take(problem.ValueSize)
                .Concat(loops.Alignments.Skip(row * problem.KeyLength).Take(problem.KeyLength)))];
        return new PlainTensor([], 0).With(joined, problem.Batch, problem.QueryLength, problem.ValueSize + problem.KeyLength);
    }
}
