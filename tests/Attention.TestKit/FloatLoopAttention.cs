namespace Attention.TestKit;

/// <summary>
/// Attention as plain float loops with <see cref="MathF"/>: the yardstick of the tests' accuracy and the benchmarks'
/// baseline.
/// </summary>
public static class FloatLoopAttention
{
    public static AttentionResult<float> Forward(AttentionProblem<float> problem, bool withScores = false)
    {
        AttentionResult<float> result = new(problem.Shape, withScores);
        Forward(problem, result);
        return result;
    }

    /// <summary>Writes into the arrays of an earlier result of the same shape.</summary>
    public static void Forward(AttentionProblem<float> problem, AttentionResult<float> result) =>
        AttentionLoops<float>.Forward(problem, result);

    public static AttentionGradients<float> Backward(AttentionProblem<float> problem)
    {
        AttentionGradients<float> gradients = new(problem);
        AttentionLoops<float>.Backward(problem, gradients);
        return gradients;
    }
}
