using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Location-aware attention against plain loops in double.</summary>
public class LocationAwareAttentionTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Everything_IsTheReference(SimdWidth width)
    {
        foreach (LocationAwareProblem<float> problem in LocationAwareProblems.Small)
        {
            LocationAwareProblems.Check(problem, default(NoMask), guarded: true, new() { Width = width });
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void EveryChoice_IsTheReference(SimdWidth width)
    {
        LocationAwareOptions options = new() { Width = width };
        foreach (LocationAwareProblem<float> problem in LocationAwareProblems.Small.Skip(5).Take(3))
        {
            LocationAwareProblems.Check(problem with { IsSigmoid = true }, default(NoMask), false, options);
            LocationAwareProblems.Check(problem with { Sharpness = 2.5, IsFlipped = true }, default(NoMask), false, options);
            LocationAwareProblems.Check(problem with { IsSigmoid = true, Sharpness = 2, IsAccumulated = true }, default(NoMask), false, options);
            LocationAwareProblems.Check(problem with { StopsAlignments = true, ScoreBias = null }, default(NoMask), false, options);
            LocationAwareProblems.Check(problem with { HasWindow = true, IsMedian = true, Before = 2, After = 3 }, default(NoMask), false, options);
            LocationAwareProblems.Check(problem with { HasWindow = true, Before = 1.5, After = 4 }, default(NoMask), false, options);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Masks_AreTheReference(SimdWidth width)
    {
        LocationAwareOptions options = new() { Width = width };
        foreach (LocationAwareProblem<float> problem in LocationAwareProblems.Small.Skip(6).Take(3))
        {
            LocationAwareProblems.Check(problem, new KeyLengthMask(problem.KeyLength - 5), true, options);
            LocationAwareProblems.Check(problem with { IsAccumulated = true }, new CausalMask(1), false, options);
            LocationAwareProblems.Check(problem with { IsSigmoid = true }, default(CheckerboardMask), false, options);
            LocationAwareProblems.Check(problem with { StopsAlignments = true, IsAccumulated = true }, default(CheckerboardMask), false, options);
            LocationAwareProblems.Check(
                problem with { HasWindow = true, IsMedian = true, Before = 3, After = 3 }, default(CheckerboardMask), false, options);
            LocationAwareProblems.Check(
                problem with { HasWindow = true, IsMedian = true, Before = 4, After = 2 }, new KeyLengthMask(problem.KeyLength - 5), false, options);
        }
    }

    /// <summary>No filters: the coverage vector itself, as of See et al., from nothing covered.</summary>
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Coverage_IsTheReference(SimdWidth width)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, 5, 37, 19, 6, 1, 1) with { Filters = null, IsAccumulated = true };

        LocationAwareProblems.Check(problem, default(NoMask), false, new() { Width = width });
        LocationAwareProblems.Check(problem with { Initial = null }, new KeyLengthMask([30, 37]), false, new() { Width = width });
    }

    [Fact]
    public void ManyBlocksOfKeys_AreTheReference()
    {
        LocationAwareProblems.Check(LocationAwareProblems.Random(1, 3, 1201, 20, 7, 3, 71), default(NoMask));
        LocationAwareProblems.Check(LocationAwareProblems.Random(2, 2, 530, 40, 33, 4, 31) with { IsAccumulated = true }, new KeyLengthMask([500, 129]));
    }

    /// <summary>Shapes, choices and masks of chance. Windows lie around medians: a mean close to a whole number may be either in float.</summary>
    [Fact]
    public void ProblemsOfChance_AreTheReference()
    {
        Random random = new(5);
        for (int i = 0; i < 60; i++)
        {
            bool hasFilters = random.Next(4) != 0;
            LocationAwareProblem<float> problem = LocationAwareProblems.Random(
                random.Next(1, 4), random.Next(1, 5), random.Next(1, 40), random.Next(1, 40), random.Next(1, 40),
                hasFilters ? random.Next(1, 6) : 1, hasFilters ? random.Next(1, 30) : 1, i);
            problem = problem with
            {
                Filters = hasFilters ? problem.Filters : null,
                ScoreBias = random.Next(2) == 0 ? problem.ScoreBias : null,
                IsSigmoid = random.Next(2) == 0,
                IsAccumulated = random.Next(2) == 0,
                IsFlipped = random.Next(2) == 0,
                StopsAlignments = random.Next(4) == 0,
                IsMedian = true,
                Before = random.Next(12),
                After = random.Next(12),
            };
            problem = problem with
            {
                HasWindow = !problem.IsAccumulated && random.Next(2) == 0,
                Initial = problem.IsAccumulated && random.Next(2) == 0 ? null : problem.Initial,
            };

            LocationAwareProblems.Check(problem, new DrawnMask(i, problem.KeyLength, random.Next(2) == 0));
        }
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(true, true, true)]
    public void TheReference_HasTheGradientsOfDifferences(bool isSigmoid, bool isAccumulated, bool isFlipped)
    {
        LocationAwareProblem<double> problem = LocationAwareProblems.Random(2, 4, 6, 3, 2, 2, 4).To<double>() with
        {
            IsSigmoid = isSigmoid,
            IsAccumulated = isAccumulated,
            IsFlipped = isFlipped,
            Sharpness = 1.5,
            Mask = (batch, query, key) => key < 5 + batch && (query != 1 || key != 2),
        };
        LocationAwareLoops<double> gradients = LocationAwareLoops<double>.Run(problem);

        Check("query", problem.Query, gradients.Query);
        Check("key", problem.Key, gradients.Key);
        Check("value", problem.Value, gradients.Value);
        Check("score vector", problem.ScoreVector, gradients.ScoreVector);
        Check("filters", problem.Filters!, gradients.Filters);
        Check("projection", problem.Projection, gradients.Projection);
        Check("score bias", problem.ScoreBias!, gradients.ScoreBias);
        Check("initial", problem.Initial!, gradients.Initial);

        void Check(string name, double[] input, double[] gradient) =>
            Tolerance.Differences(name, gradient, FiniteDifferences.Gradient(input, Loss));

        double Loss()
        {
            LocationAwareLoops<double> moved = LocationAwareLoops<double>.Run(problem);
            return moved.Context.Zip(problem.ContextGradient!, (left, right) => left * right).Sum()
                + moved.Alignments.Zip(problem.AlignmentGradient!, (left, right) => left * right).Sum();
        }
    }

    /// <summary>With a projection of zeros it is additive attention, each step on its own.</summary>
    [Fact]
    public void WithoutLocation_ItIsAdditiveAttention()
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 3, 21, 17, 5, 4, 7);
        Array.Clear(problem.Projection);
        using LocationAwareMemory memory = new(problem);

        memory.Forward(default(NoMask));

        double[] expected = new double[3 * 21];
        for (int query = 0; query < 3; query++)
        {
            double[] powers = [.. Enumerable.Range(0, 21).Select(key => Math.Exp(Enumerable.Range(0, 17).Sum(
                i => problem.ScoreVector[i] * Math.Tanh(problem.Query[(query * 17) + i] + (double)problem.Key[(key * 17) + i]))))];
            powers.Select(power => power / powers.Sum()).ToArray().CopyTo(expected, query * 21);
        }

        Tolerance.Golden("alignments", memory.Alignments, expected);
    }

    /// <summary>Keys and the alignment before moved together move the alignment, away from the ends.</summary>
    [Fact]
    public void WhatIsMoved_IsFoundThere()
    {
        const int Shift = 7;
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 3, 40, 9, 4, 3, 5);
        float[] key = new float[40 * 9];
        float[] initial = new float[40];
        problem.Key.AsSpan(0, 20 * 9).CopyTo(key.AsSpan(10 * 9));
        problem.Initial.AsSpan(0, 20).CopyTo(initial.AsSpan(10));
        var here = new RectangleOfKeys(10, 30);
        var there = new RectangleOfKeys(10 + Shift, 30 + Shift);
        using LocationAwareMemory memory = new(problem with { Key = key, Initial = initial });
        using LocationAwareMemory moved = new(problem with { Key = Moved(key, 9), Initial = Moved(initial, 1) });

        memory.Forward(here);
        moved.Forward(there);

        for (int step = 0; step < 3; step++)
        {
            float[] expected = Moved(memory.Alignments[(step * 40)..((step + 1) * 40)], 1);
            Tolerance.Reordered($"step {step}", moved.Alignments.AsSpan(step * 40, 40), expected, 64);
        }

        float[] Moved(float[] numbers, int size) => [.. new float[Shift * size], .. numbers[..^(Shift * size)]];
    }

    /// <summary>
    /// Rows of everything apart from each other, forward and back: the same bits, and nothing between them is read or written.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void StridedViews_AreTheSame(bool isAccumulated)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, 3, 37, 17, 6, 2, 5) with { IsAccumulated = isAccumulated };
        using LocationAwareMemory memory = new(problem);
        using LocationAwareMemory apart = new(problem, isApart: true);

        foreach (LocationAwareMemory each in (LocationAwareMemory[])[memory, apart])
        {
            each.Forward(default(NoMask));
            each.Backward(default(NoMask));
        }

        foreach (((string name, float[] numbers), (_, float[] expected)) in apart.Results().Zip(memory.Results()))
        {
            Tolerance.SameBits(name, numbers, expected);
        }
    }

    /// <summary>A constant added to all scores changes smoothed alignments and no softmax.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AScoreBias_MattersForSmoothingAlone(bool isSigmoid)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 2, 9, 8, 4, 2, 3) with { IsSigmoid = isSigmoid };
        using LocationAwareMemory memory = new(problem);
        using LocationAwareMemory biased = new(problem with { ScoreBias = [2f] });

        memory.Forward(default(NoMask));
        biased.Forward(default(NoMask));

        double largest = memory.Alignments.Zip(biased.Alignments, (left, right) => Math.Abs(left - right)).Max();
        (largest > 1e-3).Should().Be(isSigmoid);
    }

    /// <summary>Scores far below zero, whose sigmoids are no floats, and far above: alignments are still finite and sum up to 1.</summary>
    [Theory]
    [InlineData(-1e4f, true)]
    [InlineData(1e4f, true)]
    [InlineData(-1e4f, false)]
    [InlineData(1e4f, false)]
    public void ExtremeScores_StayFinite(float bias, bool isSigmoid)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 2, 9, 8, 4, 2, 3) with { IsSigmoid = isSigmoid, ScoreBias = [bias] };
        using LocationAwareMemory memory = new(problem);

        memory.Forward(default(NoMask));
        memory.Backward(default(NoMask));

        foreach ((string name, float[] numbers) in memory.Results())
        {
            numbers.Should().OnlyContain(number => float.IsFinite(number), "{0}", name);
        }

        memory.Alignments[..9].Sum().Should().BeApproximately(1f, 1e-5f);
    }

    /// <summary>The keys of a run.</summary>
    private readonly struct RectangleOfKeys(int start, int end) : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => key >= start && key < end;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
            new IndexRange(start, end).Contains(keys) ? TileCoverage.Full
            : keys.Intersect(new IndexRange(start, end)).IsEmpty ? TileCoverage.None
            : TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new IndexRange(start, end).Intersect(new(0, keyLength));
    }
}
