using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class LocalAttention
{
    /// <summary>
    /// Computes the gradient of every input of the forward pass from the gradients of its output and, if there is one, of its
    /// log-sum-exp.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="position">Where each query looks, <c>[batch, queryLength]</c>.</param>
    /// <param name="window">The window of the forward pass.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="logSumExpGradient">The gradient of the loss by the log-sum-exp, of its shape; <c>default</c> for none.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape; <c>default</c> if not wanted.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape, sums over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape, sums over the query heads of its group; <c>default</c> if not wanted.</param>
    /// <param name="positionGradient">Overwritten, of the position's shape, sums over the heads; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// The weights are computed again: a those of the softmax, g the factors of the Gaussian. With da_s = g_s (dO . v_s) and
    /// ds = a (da - sum(a da) + dLogSumExp): dq = scale sum ds_s k_s, dk_s sums scale ds_s q and dv_s sums a_s g_s dO over the queries that
    /// see s, and dp = sum a_s g_s (dO . v_s) (s - p) / sigma^2. Where the window ends has no gradient: the output jumps where the whole
    /// part of p changes.
    /// </remarks>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> position, in LocalWindow window, in TMask mask, in ReadOnlyTensorSpan<float> outputGradient,
        in ReadOnlyTensorSpan<float> logSumExpGradient, in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient,
        in TensorSpan<float> valueGradient, in TensorSpan<float> positionGradient, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AttentionProblem attention = AttentionCheck.Inputs(query, key, value, options);
        LocalGradientProblem problem = new()
        {
            Forward = LocalCheck.Problem(attention, position, window, mask),
            OutputGradient = AttentionCheck.Output(attention, outputGradient, nameof(outputGradient)),
            LogSumExpGradient = AttentionCheck.LogSumExp(attention, logSumExpGradient, nameof(logSumExpGradient)),
            QueryGradient = LocalCheck.Gradient(query, queryGradient, nameof(queryGradient), "the shape of 'query'"),
            KeyGradient = LocalCheck.Gradient(key, keyGradient, nameof(keyGradient), "the shape of 'key'"),
            ValueGradient = LocalCheck.Gradient(value, valueGradient, nameof(valueGradient), "the shape of 'value'"),
            PositionGradient =
                positionGradient.Rank == 0 ? default : LocalCheck.Position(attention, positionGradient, nameof(positionGradient)),
        };
        OverlapCheck overlap = new(query, key, value, outputGradient, logSumExpGradient);
        overlap.Add(position, nameof(position));
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(valueGradient, nameof(valueGradient));
        overlap.Check(positionGradient, nameof(positionGradient));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, positionAddress = position)
        fixed (float* outputGradientAddress = outputGradient, logSumExpGradientAddress = logSumExpGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        fixed (float* positionGradientAddress = positionGradient)
        fixed (int* keyLengths = window.KeyLengths)
        {
            problem.Forward.Attention.Query.Address = queryAddress;
            problem.Forward.Attention.Key.Address = keyAddress;
            problem.Forward.Attention.Value.Address = valueAddress;
            problem.Forward.Position.Address = positionAddress;
            problem.Forward.KeyLengths = keyLengths;
            problem.OutputGradient.Address = outputGradientAddress;
            problem.LogSumExpGradient.Address = logSumExpGradientAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ValueGradient.Address = valueGradientAddress;
            problem.PositionGradient.Address = positionGradientAddress;
            LocalPass.Backward(problem, mask, options);
        }
    }
}
