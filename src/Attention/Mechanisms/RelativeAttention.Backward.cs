using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class RelativeAttention
{
    /// <summary>Computes the gradients of query, key, value and tables; every query attends to every key.</summary>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="tables">The tables of the forward pass.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape; sums over the query heads of its group.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape; sums over the query heads of its group.</param>
    /// <param name="tableGradients">Where the gradients of <paramref name="tables"/> go; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in RelativeTables tables,
        in ReadOnlyTensorSpan<float> outputGradient, in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient,
        in TensorSpan<float> valueGradient, in RelativeTableGradients tableGradients = default, in AttentionOptions options = default) =>
        Backward(
            query, key, value, tables, default(NoMask), outputGradient, default, queryGradient, keyGradient, valueGradient, tableGradients, options);

    /// <summary>
    /// Computes the gradient of every input of the forward pass from the gradients of its output and, if there is one, of its
    /// log-sum-exp.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="tables">The tables of the forward pass.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape.</param>
    /// <param name="logSumExpGradient">The gradient of the loss by the log-sum-exp, of its shape; <c>default</c> for none.</param>
    /// <param name="queryGradient">Overwritten, of the query's shape.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape; sums over the query heads of its group.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape; sums over the query heads of its group.</param>
    /// <param name="tableGradients">Where the gradients of <paramref name="tables"/> go; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// The weights P are computed again. With dP = dO (V + valueTable[r])^T and dS = P (dP - sum(P dP) + dLogSumExp):
    /// dV = P^T dO, dQ = scale dS (K + keyTable[r]), dK = scale dS^T Q; row r of the table gradients sums scale dS_ij q_i, and
    /// P_ij dO_i, over the pairs that read it.
    /// </remarks>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in RelativeTables tables,
        in TMask mask, in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient,
        in TensorSpan<float> queryGradient, in TensorSpan<float> keyGradient, in TensorSpan<float> valueGradient,
        in RelativeTableGradients tableGradients = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AttentionProblem attention = RelativeCheck.Attention(query, key, value, mask, options);
        RelativeGradientProblem problem = RelativeCheck.Gradients(
            RelativeCheck.Clipped(attention, tables, nameof(tables)), query, key, value, outputGradient, logSumExpGradient, queryGradient,
            keyGradient, valueGradient);
        RelativeCheck.TableGradients(ref problem, tables, tableGradients, nameof(tableGradients));
        OverlapCheck overlap = new(query, key, value, outputGradient, logSumExpGradient);
        overlap.Add(tables.Key, nameof(tables));
        overlap.Add(tables.Value, nameof(tables));
        overlap.Check(queryGradient, nameof(queryGradient));
        overlap.Check(keyGradient, nameof(keyGradient));
        overlap.Check(valueGradient, nameof(valueGradient));
        overlap.Check(tableGradients.Key, nameof(tableGradients));
        overlap.Check(tableGradients.Value, nameof(tableGradients));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, keyTableAddress = tables.Key, valueTableAddress = tables.Value)
        fixed (float* outputGradientAddress = outputGradient, logSumExpGradientAddress = logSumExpGradient)
        fixed (float* queryGradientAddress = queryGradient, keyGradientAddress = keyGradient, valueGradientAddress = valueGradient)
        fixed (float* keyTableGradientAddress = tableGradients.Key, valueTableGradientAddress = tableGradients.Value)
        {
            problem.Forward.Attention.Query.Address = queryAddress;
            problem.Forward.Attention.Key.Address = keyAddress;
            problem.Forward.Attention.Value.Address = valueAddress;
            problem.Forward.KeyTable.Address = keyTableAddress;
            problem.Forward.ValueTable.Address = valueTableAddress;
            problem.OutputGradient.Address = outputGradientAddress;
            problem.LogSumExpGradient.Address = logSumExpGradientAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ValueGradient.Address = valueGradientAddress;
            problem.KeyTableGradient.Address = keyTableGradientAddress;
            problem.ValueTableGradient.Address = valueTableGradientAddress;
            RelativePass.Backward(problem, mask, options);
        }
    }
}
