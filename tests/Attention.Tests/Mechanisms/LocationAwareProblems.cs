using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Problems of location-aware attention, and comparisons with the reference.</summary>
internal static class LocationAwareProblems
{
    /// <summary>Axes of 0 and 1, around vectors and blocks of keys, all different.</summary>
    public static IEnumerable<LocationAwareProblem<float>> Small =>
    [
        Random(0, 3, 5, 4, 2, 2, 3),
        Random(2, 0, 5, 4, 2, 2, 3),
        Random(2, 3, 0, 4, 2, 2, 3),
        Random(1, 1, 1, 1, 1, 1, 1),
        Random(2, 2, 3, 5, 0, 2, 4),
        Random(1, 3, 7, 15, 9, 3, 2),
        Random(2, 4, 17, 33, 16, 5, 9),
        Random(1, 3, 65, 65, 17, 2, 21),
        Random(3, 2, 31, 16, 70, 10, 40),
        Random(1, 2, 131, 7, 5, 1, 5),
    ];

    /// <summary>Random inputs and weights, and a random initial alignment.</summary>
    /// <param name="batch">Batch.</param>
    /// <param name="queryLength">Steps.</param>
    /// <param name="keyLength">Keys.</param>
    /// <param name="hiddenSize">Hidden numbers.</param>
    /// <param name="valueSize">Numbers of a value.</param>
    /// <param name="features">Filters.</param>
    /// <param name="width">Taps.</param>
    /// <param name="seed">Decides the numbers.</param>
    public static LocationAwareProblem<float> Random(
        int batch, int queryLength, int keyLength, int hiddenSize, int valueSize, int features, int width, int seed = 1)
    {
        Random random = new(seed);
        float[] initial = AttentionProblems.Normal(random, batch * keyLength);
        for (int row = 0; row < batch; row++)
        {
            double sum = initial.Skip(row * keyLength).Take(keyLength).Sum(x => Math.Exp(x));
            for (int key = row * keyLength; key < (row + 1) * keyLength; key++)
            {
                initial[key] = (float)(Math.Exp(initial[key]) / sum);
            }
        }

        return new(batch, queryLength, keyLength, hiddenSize, valueSize, features, width)
        {
            Query = AttentionProblems.Normal(random, batch * queryLength * hiddenSize, 0.5f),
            Key = AttentionProblems.Normal(random, batch * keyLength * hiddenSize, 0.5f),
            Value = AttentionProblems.Normal(random, batch * keyLength * valueSize),
            ScoreVector = AttentionProblems.Normal(random, hiddenSize),
            Filters = AttentionProblems.Normal(random, features * width),
            Projection = AttentionProblems.Normal(random, hiddenSize * features),
            ScoreBias = [-0.3f],
            Initial = initial,
            ContextGradient = AttentionProblems.Normal(random, batch * queryLength * valueSize),
            AlignmentGradient = AttentionProblems.Normal(random, batch * queryLength * keyLength),
        };
    }

    /// <summary>Runs forward and backward, and compares everything.</summary>
    public static void Check<TMask>(
        LocationAwareProblem<float> problem, TMask mask, bool guarded = false, LocationAwareOptions options = default)
        where TMask : struct, IAttentionMask
    {
        problem = problem with { Mask = (batch, query, key) => mask.Allows(batch, 0, query, key) };
        using LocationAwareMemory memory = new(problem, guarded);
        memory.Forward(mask, options);
        memory.Backward(mask, options);
        LocationAwareProblem<double> precise = problem.To<double>();
        double[][] reference = Numbers(LocationAwareLoops<double>.Run(precise));
        double[] sensitivities = RoundingNoise.Sensitivities(reference, round => Numbers(LocationAwareLoops<double>.Run(precise, round)));
        float[][] plain = [.. LocationAwareLoops<float>.Run(problem).Results.Select(result => result.Numbers)];
        int place = 0;
        foreach ((string name, float[] numbers) in memory.Results())
        {
            Tolerance.Mechanism(
                $"{name} of {Describe(problem)}, {typeof(TMask).Name}, {options.Width}", numbers, reference[place], plain[place],
                sensitivities[place], problem.Batch * problem.QueryLength);
            place++;
        }
    }

    private static double[][] Numbers(LocationAwareLoops<double> loops) => [.. loops.Results.Select(result => result.Numbers)];

    private static string Describe(LocationAwareProblem<float> problem) =>
        $"[{problem.Batch}, {problem.QueryLength}, {problem.KeyLength}, {problem.HiddenSize}, {problem.ValueSize}, {problem.Features} x {problem.Width}]"
        + $"{(problem.IsSigmoid ? " smoothed" : "")}{(problem.IsAccumulated ? " accumulated" : "")}{(problem.HasWindow ? " windowed" : "")}";
}
