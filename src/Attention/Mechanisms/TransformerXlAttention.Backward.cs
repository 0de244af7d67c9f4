using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class TransformerXlAttention
{
    /// <summary>
    /// Computes the gradient of every input of the forward pass from the gradients of its output and, if there is one, of its
    /// log-sum-exp.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="relativeKey">The relative keys of the forward pass.</param>
    /// <param name="contentBias">The bias of the forward pass.</param>
    /// <param name="positionBias">The bias of the forward pass.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="logSumExpGradient">The gradient of the loss by the log-sum-exp, of its shape; <c>default</c> for none.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape; sums over the query heads of its group.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape; sums over the query heads of its group.</param>
    /// <param name="relativeKeyGradient">Overwritten, of the relative keys' shape; sums over the batch, and over heads that share them.</param>
    /// <param name="contentBiasGradient">Overwritten, <c>[heads, headSize]</c>.</param>
    /// <param name="positionBiasGradient">Overwritten, <c>[heads, headSize]</c>.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// The weights P are computed again. With dS = P (dP - sum(P dP) + dLogSumExp): dK = scale dS^T (Q + u), row t of the relative
    /// keys' gradient sums scale dS_ij (q_i + v) over the pairs that read it, du and dv sum the rows of scale dS K and of
    /// scale dS relativeKey[t], and dQ is the sum of both.
    /// </remarks>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> relativeKey, in ReadOnlyTensorSpan<float> contentBias, in ReadOnlyTensorSpan<float> positionBias,
        in TMask mask, in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient,
        in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient, in TensorSpan<float> valueGradient,
        in TensorSpan<float> relativeKeyGradient, in TensorSpan<float> contentBiasGradient, in TensorSpan<float> positionBiasGradient,
        in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AttentionProblem attention = RelativeCheck.Attention(query, key, value, mask, options);
        RelativeGradientProblem problem = RelativeCheck.Gradients(
            RelativeCheck.Unclipped(attention, relativeKey, contentBias, positionBias), query, key, value, outputGradient, logSumExpGradient,
            queryGradient, keyGradient, valueGradient);
        Guard.Shape(relativeKeyGradient, relativeKey.Lengths, nameof(relativeKeyGradient), "the shape of 'relativeKey'");
        problem.KeyTableGradient = RelativeCheck.Keys(relativeKeyGradient);
        problem.ContentBiasGradient = RelativeCheck.Bias(attention, contentBiasGradient, nameof(contentBiasGradient));
        problem.PositionBiasGradient = RelativeCheck.Bias(attention, positionBiasGradient, nameof(positionBiasGradient));
        OverlapCheck overlap = new(query, key, value, outputGradient, logSumExpGradient);
        overlap.Add(relativeKey, nameof(relativeKey));
        overlap.Add(contentBias, nameof(contentBias));
        overlap.Add(positionBias, nameof(positionBias));
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(valueGradient, nameof(valueGradient));
        overlap.Check(relativeKeyGradient, nameof(relativeKeyGradient));
        overlap.Check(contentBiasGradient, nameof(contentBiasGradient));
        overlap.Check(positionBiasGradient, nameof(positionBiasGradient));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value)
        fixed (float* relativeKeyAddress = relativeKey, contentBiasAddress = contentBias, positionBiasAddress = positionBias)
        fixed (float* outputGradientAddress = outputGradient, logSumExpGradientAddress = logSumExpGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        fixed (float* relativeKeyGradientAddress = relativeKeyGradient)
        fixed (float* contentBiasGradientAddress = contentBiasGradient, positionBiasGradientAddress = positionBiasGradient)
        {
            problem.Forward.Attention.Query.Address = queryAddress;
            problem.Forward.Attention.Key.Address = keyAddress;
            problem.Forward.Attention.Value.Address = valueAddress;
            problem.Forward.KeyTable.Address = relativeKeyAddress;
            problem.Forward.ContentBias.Address = contentBiasAddress;
            problem.Forward.PositionBias.Address = positionBiasAddress;
            problem.OutputGradient.Address = outputGradientAddress;
            problem.LogSumExpGradient.Address = logSumExpGradientAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ValueGradient.Address = valueGradientAddress;
            problem.KeyTableGradient.Address = relativeKeyGradientAddress;
            problem.ContentBiasGradient.Address = contentBiasGradientAddress;
            problem.PositionBiasGradient.Address = positionBiasGradientAddress;
            RelativePass.Backward(problem, mask, options);
        }
    }
}
