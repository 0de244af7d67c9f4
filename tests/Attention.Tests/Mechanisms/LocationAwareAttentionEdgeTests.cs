using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using Attention.Tests.Golden;

namespace Attention.Tests.Mechanisms;

/// <summary>Location-aware attention: golden numbers, steps, windows, starts, NaN behind masks, threads and batches.</summary>
public class LocationAwareAttentionEdgeTests
{
    [Theory]
    [InlineData("softmax", false, 1)]
    [InlineData("smooth", true, 1)]
    [InlineData("sharpen_beta2", false, 2)]
    public void GoldenNumbers_AreMet(string part, bool isSigmoid, double sharpness)
    {
        LocationAwareProblem<double> problem = GoldenLocation.Problem() with { IsSigmoid = isSigmoid, Sharpness = sharpness };
        using LocationAwareMemory memory = new(problem.To<float>());
        using LocationAwareMemory flipped = new(problem.To<float>() with
        {
            IsFlipped = true,
            Filters = [.. Enumerable.Range(0, 6).Select(place => (float)problem.Filters![(place / 3 * 3) + 2 - (place % 3)])],
        });

        memory.Forward(default(NoMask));
        flipped.Forward(default(NoMask));

        Tolerance.Golden(part, memory.Alignments, GoldenLocation.Numbers(part));
        Tolerance.SameBits("flipped", flipped.Alignments, memory.Alignments);
        Tolerance.Exact("reference", LocationAwareLoops<double>.Run(problem).Alignments, GoldenLocation.Numbers(part));
    }

    /// <summary>One step after the other, the alignment passed on, is all steps at once, bit for bit.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Steps_AreTheWhole(bool isAccumulated)
    {
        const int Keys = 150;
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 5, Keys, 17, 6, 3, 9) with { IsAccumulated = isAccumulated };
        using LocationAwareMemory whole = new(problem);
        whole.Forward(new KeyLengthMask(140));
        float[] state = [.. problem.Initial!];
        for (int step = 0; step < 5; step++)
        {
            using LocationAwareMemory one = new(problem with
            {
                QueryLength = 1,
                Query = problem.Query[(step * 17)..((step + 1) * 17)],
                Initial = state,
                ContextGradient = null,
                AlignmentGradient = null,
            });
            one.Forward(new KeyLengthMask(140));

            Tolerance.SameBits("context", one.Context, whole.Context.AsSpan(step * 6, 6));
            Tolerance.SameBits("alignment", one.Alignments, whole.Alignments.AsSpan(step * Keys, Keys));
            state = isAccumulated ? [.. state.Zip(one.Alignments, (sum, weight) => sum + weight)] : one.Alignments;
        }
    }

    /// <summary>floor(c - before) and ceil(c + after) are outside themselves.</summary>
    [Theory]
    [InlineData(true, 1, 1, new[] { 4 })]
    [InlineData(true, 2, 1, new[] { 3, 4 })]
    [InlineData(true, 1, 3, new[] { 4, 5, 6 })]
    [InlineData(true, 0.5, 0.5, new[] { 4 })]
    [InlineData(true, 0, 0, new int[0])]
    [InlineData(true, 100, 100, new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8 })]
    [InlineData(false, 1, 1, new[] { 4 })]
    [InlineData(false, 2, 2, new[] { 3, 4, 5 })]
    public void AWindow_IsStrict(bool isMedian, double before, double after, int[] expected)
    {
        // All weight on key 4, so that median and mean are exactly there.
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 1, 9, 5, 3, 2, 3) with
        {
            HasWindow = true,
            IsMedian = isMedian,
            Before = before,
            After = after,
            Initial = [0, 0, 0, 0, 1, 0, 0, 0, 0],
        };
        using LocationAwareMemory memory = new(problem);

        memory.Forward(default(NoMask));

        Enumerable.Range(0, 9).Where(key => memory.Alignments[key] != 0).Should().Equal(expected);
        memory.Context.All(number => number == 0).Should().Be(expected.Length == 0);
    }

    /// <summary>Between two keys the mean differs from the median, which is the first key with half of the weight up to it.</summary>
    [Theory]
    [InlineData(true, new[] { 3 })]
    [InlineData(false, new[] { 3, 4 })]
    public void AWindow_LiesAroundMedianOrMean(bool isMedian, int[] expected)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 1, 9, 5, 3, 2, 3) with
        {
            HasWindow = true,
            IsMedian = isMedian,
            Before = 1,
            After = 1,
            Initial = [0, 0, 0, 0.5f, 0.5f, 0, 0, 0, 0],
        };
        using LocationAwareMemory memory = new(problem);

        memory.Forward(default(NoMask));

        Enumerable.Range(0, 9).Where(key => memory.Alignments[key] != 0).Should().Equal(expected);
    }

    /// <summary>An alignment of zeros has no centre: an empty window is followed by empty ones, and no gradient is anything but 0.</summary>
    [Fact]
    public void EmptyWindows_GiveZeros()
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, 3, 9, 5, 3, 2, 3) with { HasWindow = true, Initial = new float[18] };
        using LocationAwareMemory memory = new(problem);

        memory.Forward(default(NoMask));
        memory.Backward(default(NoMask));

        foreach ((string name, float[] numbers) in memory.Results())
        {
            numbers.Should().OnlyContain(number => number == 0, "{0}", name);
        }
    }

    [Fact]
    public void RowsThatSeeNothing_AreZeros()
    {
        using LocationAwareMemory memory = new(LocationAwareProblems.Random(2, 3, 9, 5, 3, 2, 3));

        memory.Forward(new KeyLengthMask(0));
        memory.Backward(new KeyLengthMask(0));

        foreach ((string name, float[] numbers) in memory.Results())
        {
            numbers.Should().OnlyContain(number => number == 0, "{0}", name);
        }
    }

    /// <summary>Padding may hold anything, in every input that has keys: the results are those of zeros there, bit for bit.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Padding_NeverReachesAResult(bool isSigmoid, bool isAccumulated)
    {
        int[] lengths = [70, 0, 101];
        var mask = new KeyLengthMask(lengths);
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(3, 4, 101, 9, 5, 3, 7) with
        {
            IsSigmoid = isSigmoid,
            IsAccumulated = isAccumulated,
        };

        (string, float[])[] expected = Results(Poisoned(0));

        foreach (float poison in (float[])[float.NaN, float.PositiveInfinity])
        {
            (string, float[])[] actual = Results(Poisoned(poison));
            foreach (((string name, float[] numbers), (_, float[] other)) in expected.Zip(actual))
            {
                // What is the initial alignment's in the padding stays constant: its gradient is 0 as everywhere.
                numbers.Should().NotContain(float.NaN, "{0} is a number", name);
                Tolerance.SameBits(name, other, numbers);
            }
        }

        LocationAwareProblem<float> Poisoned(float number)
        {
            return problem with
            {
                Key = Padded(problem.Key, 9),
                Value = Padded(problem.Value, 5),
                Initial = Padded(problem.Initial!, 1),
                AlignmentGradient = [.. problem.AlignmentGradient!.Select(
                    (given, place) => place % 101 >= lengths[place / (4 * 101)] ? number : given)],
            };

            float[] Padded(float[] numbers, int size) =>
                [.. numbers.Select((given, place) => place / size % 101 >= lengths[place / size / 101] ? number : given)];
        }

        (string, float[])[] Results(LocationAwareProblem<float> poisoned)
        {
            using LocationAwareMemory memory = new(poisoned);
            memory.Forward(mask);
            memory.Backward(mask);
            return [.. memory.Results()];
        }
    }

    /// <summary>A query of NaN loses its row and, through the alignment, those after it; not those before, and no hidden key.</summary>
    [Fact]
    public void NaN_GoesForwardOnly()
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 4, 9, 5, 3, 2, 3);
        problem.Query[(2 * 5) + 1] = float.NaN;
        using LocationAwareMemory memory = new(problem);

        memory.Forward(default(CheckerboardMask));

        for (int place = 0; place < 4 * 9; place++)
        {
            float.IsNaN(memory.Alignments[place]).Should().Be(place / 9 >= 2 && default(CheckerboardMask).Allows(0, 0, place / 9, place % 9));
        }
    }

    [Theory]
    [InlineData(1, 3, 900)]
    [InlineData(5, 3, 300)]
    public void Threads_DoNotChangeABit(int batch, int queryLength, int keyLength)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(batch, queryLength, keyLength, 33, 17, 4, 15) with { IsAccumulated = batch == 5 };
        (string Name, float[] Numbers)[] expected = Results(problem, 1);
        foreach (int threads in (int[])[2, 3, 7])
        {
            foreach (((string name, float[] numbers), (_, float[] other)) in expected.Zip(Results(problem, threads)))
            {
                Tolerance.SameBits($"{name} on {threads} threads", other, numbers);
            }
        }
    }

    /// <summary>A sequence alone is as among many; sums over the batch, the weights' gradients, aside.</summary>
    [Fact]
    public void Neighbours_InTheBatchDoNotChangeABit()
    {
        LocationAwareProblem<float> all = LocationAwareProblems.Random(5, 3, 200, 19, 9, 3, 7);
        LocationAwareProblem<float> alone = all with
        {
            Batch = 1,
            Query = all.Query[..(3 * 19)],
            Key = all.Key[..(200 * 19)],
            Value = all.Value[..(200 * 9)],
            Initial = all.Initial![..200],
            ContextGradient = all.ContextGradient![..(3 * 9)],
            AlignmentGradient = all.AlignmentGradient![..(3 * 200)],
        };

        foreach (((string name, float[] numbers), (_, float[] among)) in Results(alone, 0).Zip(Results(all, 0)))
        {
            if (among.Length == 5 * numbers.Length)
            {
                Tolerance.SameBits(name, among.AsSpan(0, numbers.Length), numbers);
            }
        }
    }

    [Fact]
    public void StoppedAlignments_LeaveTheInitialOneWithoutGradient()
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 3, 9, 5, 3, 2, 3);

        Results(problem with { StopsAlignments = true }, 0)[9].Numbers.Should().OnlyContain(number => number == 0);
        Results(problem, 0)[9].Numbers.Should().NotContain(0f);
    }

    [Fact]
    public void Starts_AreOneHotOrUniform()
    {
        float[] first = [3, 3, 3, 3, 3, 3];
        float[] even = [3, 3, 3, 3, 3, 3, 3, 3];

        LocationAwareAttention.StartAtFirstKey(Layout.Contiguous(2, 3).Write(first));
        LocationAwareAttention.StartUniformly(new KeyLengthMask([2, 0]), Layout.Contiguous(2, 4).Write(even));

        first.Should().Equal(1, 0, 0, 1, 0, 0);
        even.Should().Equal(0.5f, 0.5f, 0, 0, 0, 0, 0, 0);
    }

    private static (string Name, float[] Numbers)[] Results(LocationAwareProblem<float> problem, int threads)
    {
        using LocationAwareMemory memory = new(problem);
        LocationAwareOptions options = new() { MaxDegreeOfParallelism = threads };
        memory.Forward(default(NoMask), options);
        memory.Backward(default(NoMask), options);
        return [.. memory.Results()];
    }
}
