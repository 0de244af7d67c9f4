using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What holds of location-aware attention whatever the numbers are.</summary>
public class LocationAwareAttentionPropertyTests
{
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 3)]
    [InlineData(true, 3)]
    public void Alignments_AreNotNegativeAndSumToOne(bool isSigmoid, double sharpness)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, 3, 300, 9, 5, 3, 7) with { IsSigmoid = isSigmoid, Sharpness = sharpness };

        float[] alignments = Results(problem, default(CheckerboardMask))["alignments"];

        alignments.Should().OnlyContain(weight => weight >= 0);
        float[] sums = [.. alignments.Chunk(300).Select(row => (float)row.Sum(weight => (double)weight))];
        Tolerance.Golden("sums", sums, [.. sums.Select(_ => 1.0)]);
    }

    /// <summary>Scores of tens of thousands, values of 1e30, and numbers that are hardly any: nothing overflows.</summary>
    [Theory]
    [InlineData(1f, 1e4f, 1f)]
    [InlineData(4f, 1e4f, 1e30f)]
    [InlineData(1f, 1f, -1e30f)]
    [InlineData(1e30f, 1f, 1f)]
    [InlineData(1e-41f, 1f, 1f)]
    [InlineData(1f, 1e-41f, 1e-41f)]
    public void AnyScale_GivesNumbers(float projections, float scores, float values)
    {
        foreach (bool isSigmoid in (bool[])[false, true])
        {
            LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, 3, 70, 9, 5, 3, 7);
            problem = problem with
            {
                IsSigmoid = isSigmoid,
                Query = Scaled(problem.Query, projections),
                Key = Scaled(problem.Key, projections),
                Value = Scaled(problem.Value, values),
                ScoreVector = Scaled(problem.ScoreVector, scores),
            };

            foreach ((string name, float[] numbers) in Results(problem, default(CheckerboardMask)))
            {
                numbers.Should().OnlyContain(number => float.IsFinite(number), "{0}", name);
            }
        }

        static float[] Scaled(float[] numbers, float factor) => Array.ConvertAll(numbers, number => number * factor);
    }

    /// <summary>Sharpness without end leaves all weight on the largest score.</summary>
    [Fact]
    public void Sharpened_ItIsTheLargestScore()
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 1, 30, 9, 5, 3, 7);
        float[] soft = Results(problem, default(NoMask))["alignments"];

        float[] sharp = Results(problem with { Sharpness = 1e5 }, default(NoMask))["alignments"];

        int largest = Array.IndexOf(soft, soft.Max());
        sharp.Select((weight, key) => key == largest ? weight == 1 : weight == 0).Should().OnlyContain(isRight => isRight);
    }

    /// <summary>
    /// Keys hidden from everyone in between others, and a step that sees nothing in between others, may hold anything, in every
    /// input that has keys or steps.
    /// </summary>
    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, true, false)]
    [InlineData(false, false, true)]
    public void HoleOfAMask_NeverReachesAResult(bool isSigmoid, bool isAccumulated, bool hasWindow)
    {
        const int Steps = 4;
        const int Keys = 101;
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, Steps, Keys, 9, 5, 3, 7) with
        {
            IsSigmoid = isSigmoid,
            IsAccumulated = isAccumulated,
            HasWindow = hasWindow,
            Before = 40,
            After = 30,
        };
        Dictionary<string, float[]> expected = Results(Poisoned(0), default(HiddenKeysMask));
        foreach (float poison in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            Dictionary<string, float[]> actual = Results(Poisoned(poison), default(HiddenKeysMask));
            foreach ((string name, float[] numbers) in expected)
            {
                numbers.Should().NotContain(float.NaN, "{0} is a number", name);
                Tolerance.SameBits(name, actual[name], numbers);
            }
        }

        LocationAwareProblem<float> Poisoned(float number)
        {
            return problem with
            {
                Query = Where(problem.Query, place => place / 9 % Steps == 1),
                ContextGradient = Where(problem.ContextGradient!, place => place / 5 % Steps == 1),
                Key = Where(problem.Key, place => HiddenKeysMask.IsHidden(place / 9 % Keys)),
                Value = Where(problem.Value, place => HiddenKeysMask.IsHidden(place / 5 % Keys)),
                Initial = Where(problem.Initial!, place => HiddenKeysMask.IsHidden(place % Keys)),
                AlignmentGradient = Where(
                    problem.AlignmentGradient!, place => place / Keys % Steps == 1 || HiddenKeysMask.IsHidden(place % Keys)),
            };

            float[] Where(float[] numbers, Func<int, bool> isHidden) => [.. numbers.Select((given, place) => isHidden(place) ? number : given)];
        }
    }

    /// <summary>A step of NaN loses what it sees and what saw it, but no other sequence, no key that is hidden and no step that sees nothing.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NaN_StaysWhereItIsSeen(bool isAccumulated)
    {
        const int Steps = 4;
        const int Keys = 101;
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, Steps, Keys, 9, 5, 3, 7) with { IsAccumulated = isAccumulated };
        problem.Query[2 * 9] = float.NaN;

        Dictionary<string, float[]> results = Results(problem, default(HiddenKeysMask));

        foreach (string name in (string[])["context", "alignments", "query's gradient", "key's gradient", "value's gradient", "initial alignment's gradient"])
        {
            float[] numbers = results[name];
            if (isAccumulated || name != "initial alignment's gradient")
            {
                // An alignment of zeros, that of the step that sees nothing, sends nothing back.
                numbers.Should().Contain(float.NaN, "{0} of what is lost", name);
            }

            numbers.Skip(numbers.Length / 2).Should().OnlyContain(number => float.IsFinite(number), "{0} of the other sequence", name);
        }

        foreach ((string name, int size) in ((string, int)[])[("key's gradient", 9), ("value's gradient", 5), ("initial alignment's gradient", 1)])
        {
            results[name].Where((_, place) => HiddenKeysMask.IsHidden(place / size % Keys)).Should().OnlyContain(number => number == 0, "{0}", name);
        }

        results["query's gradient"].Where((_, place) => place / 9 % Steps == 1).Should().OnlyContain(number => number == 0);
    }

    /// <summary>What a later key holds changes no bit of a step that may not see it, though filters reach over it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LaterKeys_ChangeNoBitBefore(bool isAccumulated)
    {
        const int Step = 20;
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 37, 41, 9, 7, 3, 15) with { IsAccumulated = isAccumulated };
        LocationAwareProblem<float> moved = problem with
        {
            Key = Moved(problem.Key, 9),
            Value = Moved(problem.Value, 7),
            Initial = Moved(problem.Initial!, 1),
        };

        Dictionary<string, float[]> expected = Results(problem, CausalMask.TopLeft);
        Dictionary<string, float[]> actual = Results(moved, CausalMask.TopLeft);

        foreach ((string name, int size) in ((string, int)[])[("context", 7), ("alignments", 41)])
        {
            Tolerance.SameBits(name, actual[name].AsSpan(0, (Step + 1) * size), expected[name].AsSpan(0, (Step + 1) * size));
            actual[name].Should().NotEqual(expected[name]);
        }

        static float[] Moved(float[] numbers, int size) => [.. numbers.Select((number, place) => place / size > Step ? number + 3 : number)];
    }

    /// <summary>Sequences of several lengths, one of them 0, are those that each would be alone, without its padding.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ABatch_IsItsSequences(bool isAccumulated)
    {
        const int Keys = 130;
        int[] lengths = [Keys, 0, 71];
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(3, 4, Keys, 9, 5, 3, 7) with { IsAccumulated = isAccumulated };
        Dictionary<string, float[]> all = Results(problem, new KeyLengthMask(lengths));
        for (int batch = 0; batch < 3; batch++)
        {
            int length = lengths[batch];
            Dictionary<string, float[]> alone = Results(
                problem with
                {
                    Batch = 1,
                    KeyLength = length,
                    Query = Part(problem.Query, 4 * 9),
                    Key = Part(problem.Key, Keys * 9)[..(length * 9)],
                    Value = Part(problem.Value, Keys * 5)[..(length * 5)],
                    Initial = Part(problem.Initial!, Keys)[..length],
                    ContextGradient = Part(problem.ContextGradient!, 4 * 5),
                    AlignmentGradient = Real(problem.AlignmentGradient!),
                },
                default(NoMask));

            Tolerance.SameBits("context", Part(all["context"], 4 * 5), alone["context"]);
            Tolerance.SameBits("alignments", Real(all["alignments"]), alone["alignments"]);
            Tolerance.Reordered("query's gradient", Part(all["query's gradient"], 4 * 9), alone["query's gradient"]);
            Tolerance.Reordered("key's gradient", Part(all["key's gradient"], Keys * 9).AsSpan(0, length * 9), alone["key's gradient"]);
            Tolerance.Reordered("value's gradient", Part(all["value's gradient"], Keys * 5).AsSpan(0, length * 5), alone["value's gradient"]);
            Tolerance.Reordered(
                "initial alignment's gradient", Part(all["initial alignment's gradient"], Keys).AsSpan(0, length), alone["initial alignment's gradient"]);

            float[] Part(float[] numbers, int size) => numbers[(batch * size)..((batch + 1) * size)];

            float[] Real(float[] numbers) => [.. Part(numbers, 4 * Keys).Chunk(Keys).SelectMany(row => row[..length])];
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(double.PositiveInfinity)]
    public void AWindowWiderThanTheKeys_IsNone(double reach)
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(2, 3, 70, 9, 5, 3, 7);
        Dictionary<string, float[]> expected = Results(problem, default(NoMask));
        foreach (bool isMedian in (bool[])[false, true])
        {
            LocationAwareProblem<float> windowed = problem with { HasWindow = true, IsMedian = isMedian, Before = reach, After = reach };
            foreach ((string name, float[] numbers) in Results(windowed, default(NoMask)))
            {
                Tolerance.SameBits(name, numbers, expected[name]);
            }
        }
    }

    /// <summary>The order of keys counts, unlike without location features.</summary>
    [Fact]
    public void TheOrderOfKeys_Matters()
    {
        LocationAwareProblem<float> problem = LocationAwareProblems.Random(1, 1, 9, 9, 5, 3, 7);
        int[] order = [3, 0, 8, 2, 6, 1, 7, 4, 5];
        LocationAwareProblem<float> shuffled = problem with
        {
            Key = Shuffled(problem.Key, 9),
            Value = Shuffled(problem.Value, 5),
            Initial = Shuffled(problem.Initial!, 1),
        };

        Changes(problem, shuffled).Should().BeGreaterThan(1e-3);
        Changes(WithoutFeatures(problem), WithoutFeatures(shuffled)).Should().BeLessThan(1e-5);

        double Changes(LocationAwareProblem<float> left, LocationAwareProblem<float> right) =>
            Results(left, default(NoMask))["context"].Zip(Results(right, default(NoMask))["context"], (x, y) => Math.Abs(x - y)).Max();

        float[] Shuffled(float[] numbers, int size) => [.. order.SelectMany(key => numbers[(key * size)..((key + 1) * size)])];

        static LocationAwareProblem<float> WithoutFeatures(LocationAwareProblem<float> problem) =>
            problem with { Projection = new float[problem.Projection.Length] };
    }

    /// <summary>Gradients through windows, stopped alignments and coverage, which the kernels are compared with, are those of differences.</summary>
    [Theory]
    [InlineData(true, false, false)]
    [InlineData(true, true, false)]
    [InlineData(false, false, true)]
    public void TheReference_HasTheGradientsOfDifferences(bool hasWindow, bool isMedian, bool isCoverage)
    {
        LocationAwareProblem<double> problem = LocationAwareProblems.Random(2, 4, 9, 3, 2, isCoverage ? 1 : 2, isCoverage ? 1 : 4).To<double>();
        problem = problem with
        {
            HasWindow = hasWindow,
            IsMedian = isMedian,
            Before = 2.5,
            After = 2.5,
            IsAccumulated = isCoverage,
            Filters = isCoverage ? null : problem.Filters,
            Mask = (batch, query, key) => key < 7 + batch && (query != 1 || key != 2),
        };
        LocationAwareLoops<double> gradients = LocationAwareLoops<double>.Run(problem);

        foreach ((double[] input, double[] gradient) in ((double[], double[])[])
            [
                (problem.Query, gradients.Query), (problem.Key, gradients.Key), (problem.Value, gradients.Value),
                (problem.ScoreVector, gradients.ScoreVector), (problem.Projection, gradients.Projection), (problem.Initial!, gradients.Initial),
                (problem.Filters ?? [], gradients.Filters),
            ])
        {
            Tolerance.Differences("gradient", gradient, FiniteDifferences.Gradient(input, Loss));
        }

        double Loss()
        {
            LocationAwareLoops<double> moved = LocationAwareLoops<double>.Run(problem);
            return moved.Context.Zip(problem.ContextGradient!, (left, right) => left * right).Sum()
                + moved.Alignments.Zip(problem.AlignmentGradient!, (left, right) => left * right).Sum();
        }
    }

    private static Dictionary<string, float[]> Results<TMask>(LocationAwareProblem<float> problem, TMask mask)
        where TMask : struct, IAttentionMask
    {
        using LocationAwareMemory memory = new(problem);
        memory.Forward(mask);
        memory.Backward(mask);
        return memory.Results().ToDictionary(result => result.Name, result => result.Numbers);
    }
}
