using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class AdditiveAttention
{
    /// <summary>Computes the gradient of every input of the forward pass from that of its output.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The score vector, <c>[hiddenSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape; <c>default</c> if not wanted.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape, the sum over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="scoreVectorGradient">Overwritten, <c>[hiddenSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape, the sum over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// The weights P are computed again. With dP = dO V^T, dS = P (dP - sum(P dP)) and t = tanh(q + k): dV = P^T dO, the gradients of
    /// query and key sum dS v (1 - t^2) over keys and over queries, and that of the score vector sums dS t.
    /// </remarks>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in ReadOnlyTensorSpan<float> value, in TMask mask, in ReadOnlyTensorSpan<float> outputGradient, in TensorSpan<float> queryGradient,
        in TensorSpan<float> keyGradient, in TensorSpan<float> scoreVectorGradient, in TensorSpan<float> valueGradient,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AdditiveGradientProblem problem = new() { Forward = Check(query, key, scoreVector, value, mask, options) };
        AttentionProblem attention = problem.Forward.Attention;
        problem.OutputGradient = AttentionCheck.Output(attention, outputGradient, nameof(outputGradient));
        problem.QueryGradient = Optional(query, queryGradient, nameof(queryGradient), "the shape of 'query'");
        problem.KeyGradient = Optional(key, keyGradient, nameof(keyGradient), "the shape of 'key'");
        problem.ValueGradient = Optional(value, valueGradient, nameof(valueGradient), "the shape of 'value'");
        if (scoreVectorGradient.Rank != 0)
        {
            Guard.Shape(scoreVectorGradient, scoreVector.Lengths, nameof(scoreVectorGradient), "[hiddenSize]");
        }

        RelativeOverlap overlap = new(query, key, value, outputGradient);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(scoreVectorGradient, nameof(scoreVectorGradient));
        overlap.Check(valueGradient, nameof(valueGradient));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, vectorAddress = scoreVector, outputGradientAddress = outputGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        fixed (float* vectorGradientAddress = scoreVectorGradient)
        {
            problem.Forward.Attention.Query.Address = queryAddress;
            problem.Forward.Attention.Key.Address = keyAddress;
            problem.Forward.Attention.Value.Address = valueAddress;
            problem.Forward.ScoreVector = vectorAddress;
            problem.OutputGradient.Address = outputGradientAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ValueGradient.Address = valueGradientAddress;
            problem.ScoreVectorGradient.Address = vectorGradientAddress;
            AdditivePass.Backward(problem, mask, options);
        }
    }

    private static Operand Optional(
        in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning) =>
        gradient.Rank == 0 ? default : AttentionCheck.Like(tensor, gradient, parameter, meaning);
}
