namespace Attention.TestKit;

/// <summary>Attention as plain loops in double: what every fast path is compared with.</summary>
public static class ReferenceAttention
{
    public static AttentionResult<double> Forward(AttentionProblem<double> problem, bool withScores = false)
    {
        AttentionResult<double> result = new(problem.Shape, withScores);
        AttentionLoops<double>.Forward(problem, result);
        SensitivityEstimate.Forward(problem, result);
        return result;
    }

    public static AttentionResult<double> Forward(AttentionProblem<float> problem, bool withScores = false) =>
        Forward(problem.To<double>(), withScores);

    public static AttentionGradients<double> Backward(AttentionProblem<double> problem)
    {
        AttentionGradients<double> gradients = new(problem);
        AttentionLoops<double>.Backward(problem, gradients);
        SensitivityEstimate.Backward(problem, gradients);
        return gradients;
    }

    public static AttentionGradients<double> Backward(AttentionProblem<float> problem) => Backward(problem.To<double>());
}
