using Attention.Autodiff;
using Attention.Operators;

namespace Attention.Layers;

/// <summary>A score vector that counts by its direction alone, times a learned scale (Salimans and Kingma 2016, weight normalisation).</summary>
internal static class NormalizedScore
{
    /// <summary>Added to the mean square of the vector: one of zeros gives zeros instead of NaN.</summary>
    private const float Epsilon = 1e-24f;

    /// <summary>Computes <c>scale score / ||score||</c>.</summary>
    /// <param name="score"><c>[size]</c>.</param>
    /// <param name="scale"><c>[1]</c>.</param>
    /// <param name="tape">The tape of what the vector meets, since two parameters alone belong to none; null for none.</param>
    /// <returns><c>[size]</c>.</returns>
    internal static Variable Of(Parameter score, Parameter scale, Tape? tape)
    {
        // v / ||v|| is v over its root mean square, over the root of its size.
        using Variable vector = tape?.Use(score) ?? Variable.Constant(score.Data.Share());
        using Variable direction = Differentiable.Normalize(NormalizationKind.RootMeanSquare, vector, null, null, Epsilon);
        using Variable scaled = Differentiable.Scale(direction, 1 / MathF.Sqrt(score.Data.Count));
        return Differentiable.Multiply(scaled, scale);
    }
}
