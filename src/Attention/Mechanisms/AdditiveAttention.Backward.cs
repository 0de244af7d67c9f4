using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class AdditiveAttention
{
    /// <summary>Computes the gradient of every input of the forward pass that is asked for.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The weight of each hidden unit, <c>[hiddenSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="output">What the forward pass gave, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="logSumExp">What the forward pass gave, <c>[batch, heads, queryLength]</c>.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape; <c>default</c> if not wanted.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape, sums over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="scoreVectorGradient">Overwritten, <c>[hiddenSize]</c>, sums over batch and heads; <c>default</c> if not wanted.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape, sums over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// With P = exp(score - logSumExp) and t_ijk = tanh(q_ik + k_jk) computed again: dV = P^T dO, dP = dO V^T,
    /// dS = P (dP - sum(dO o)), dv_k = sum_ij dS_ij t_ijk, and with dz_ijk = dS_ij v_k (1 - t_ijk^2), dq_i = sum_j dz_ij and
    /// dk_j = sum_i dz_ij.
    /// </remarks>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in ReadOnlyTensorSpan<float> value, in TMask mask, in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient,
        in TensorSpan<float> scoreVectorGradient, in TensorSpan<float> valueGradient, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AdditiveProblem forward = AdditiveCheck.Inputs(query, key, scoreVector, value, mask, options);
        forward.Attention.Output = AttentionCheck.Output(forward.Attention, output, nameof(output));
        AttentionCheck.RequireLogSumExp(logSumExp, nameof(logSumExp));
        forward.Attention.LogSumExp = AttentionCheck.LogSumExp(forward.Attention, logSumExp, nameof(logSumExp));
        AdditiveGradientProblem problem = new()
        {
            Forward = forward,
            OutputGradient = AttentionCheck.Output(forward.Attention, outputGradient, nameof(outputGradient)),
            QueryGradient = AdditiveCheck.Gradient(query, queryGradient, nameof(queryGradient), "the shape of 'query'"),
            KeyGradient = AdditiveCheck.Gradient(key, keyGradient, nameof(keyGradient), "the shape of 'key'"),
            ValueGradient = AdditiveCheck.Gradient(value, valueGradient, nameof(valueGradient), "the shape of 'value'"),
        };
        if (scoreVectorGradient.Rank != 0)
        {
            AdditiveCheck.Vector(scoreVectorGradient, forward.Attention.HeadSize, nameof(scoreVectorGradient));
        }

        OverlapCheck overlap = new(query, key, value, outputGradient);
        overlap.Add(scoreVector, nameof(scoreVector));
        overlap.Add(output, nameof(output));
        overlap.Add(logSumExp, nameof(logSumExp));
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(scoreVectorGradient, nameof(scoreVectorGradient));
        overlap.Check(valueGradient, nameof(valueGradient));

        fixed (float* queryAddress = query, keyAddress = key, scoreVectorAddress = scoreVector, valueAddress = value)
        fixed (float* outputAddress = output, logSumExpAddress = logSumExp, outputGradientAddress = outputGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        fixed (float* scoreVectorGradientAddress = scoreVectorGradient)
        {
            problem.Forward.Attention.Query.Address = queryAddress;
            problem.Forward.Attention.Key.Address = keyAddress;
            problem.Forward.Attention.Value.Address = valueAddress;
            problem.Forward.Attention.Output.Address = outputAddress;
            problem.Forward.Attention.LogSumExp.Address = logSumExpAddress;
            problem.Forward.ScoreVector = scoreVectorAddress;
            problem.OutputGradient.Address = outputGradientAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ValueGradient.Address = valueGradientAddress;
            problem.ScoreVectorGradient = scoreVectorGradientAddress;
            AdditivePass.Backward(problem, mask, options);
        }
    }
}
