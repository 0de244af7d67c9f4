using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Rows of scores run through a normaliser and back, in guarded memory, and compared with the reference.</summary>
internal static class NormalizerRows
{
    public static (float[] Weights, float[] Gradient) Run(
        NormalizerCase normalizer, float[] scores, float[] weightGradient, int length, int[]? lengths = null, SimdWidth width = default, int threads = 0)
    {
        nint[] shape = [length == 0 ? 0 : scores.Length / length, length];
        AttentionOptions options = new() { Width = width, MaxDegreeOfParallelism = threads };
        using TestOperand source = TestOperand.Create(true, shape, scores);
        using TestOperand gradient = TestOperand.Create(true, shape, weightGradient);
        using TestOperand weights = TestOperand.Create(true, shape);
        using TestOperand result = TestOperand.Create(true, shape);
        normalizer.Rows(source.Read(), lengths, weights.Write(), options);
        normalizer.RowsBackward(source.Read(), weights.Read(), gradient.Read(), lengths, result.Write(), options);
        return (weights.Gather(), result.Gather());
    }

    /// <summary>
    /// Compares one row. Rounding a score once moves a weight by at most half an ULP of the score (no derivative exceeds 1), and a
    /// gradient by that times the largest gradient and the steepness of the slope, which grows where alpha is near 2.
    /// </summary>
    public static void Check(NormalizerCase normalizer, float[] scores, float[] weightGradient, SimdWidth width)
    {
        (float[] weights, float[] gradient) = Run(normalizer, scores, weightGradient, scores.Length, width: width);
        double[] expected = normalizer.Reference.Weights(Array.ConvertAll(scores, score => (double)score));
        float[] plain = normalizer.Reference.Weights(scores);
        double size = 1 + scores.Max(score => Math.Abs((double)score));
        string name = $"{normalizer.Name} of {scores.Length} {width}";
        Tolerance.Mechanism(name, weights, expected, plain, size, 1);

        double largest = weightGradient.Max(number => Math.Abs((double)number));
        Tolerance.Mechanism(
            $"gradient of {name}", gradient,
            normalizer.Reference.Gradient(Array.ConvertAll(weights, weight => (double)weight), Array.ConvertAll(weightGradient, number => (double)number)),
            normalizer.Reference.Gradient(weights, weightGradient), 2 * size * largest, 1);
    }
}
