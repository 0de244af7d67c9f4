using System.Numerics;

namespace Attention.TestKit;

/// <summary>
/// Attention as plain loops, row by row, in any precision: the formulas as they stand, with nothing tiled, fused or
/// reordered. In double it is the reference, in float the yardstick of accuracy and speed.
/// </summary>
internal static class AttentionLoops<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    internal static void Forward(AttentionProblem<T> problem, AttentionResult<T> result)
    {
        AttentionShape shape = problem.Shape;
        AttentionRow<T> row = new(problem);
        int number = 0;
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            for (int head = 0; head < shape.Heads; head++)
            {
                for (int query = 0; query < shape.QueryLength; query++, number++)
                {
                    row.Compute(batch, head, query);
                    result.LogSumExp[number] = row.LogSumExp;
                    AddValues(problem, row, batch, head, query, result.Output.AsSpan(number * shape.ValueSize, shape.ValueSize));
                    if (result.Raw.Length > 0)
                    {
                        row.Raw.CopyTo(result.Raw, number * shape.KeyLength);
                        row.Modified.CopyTo(result.Modified, number * shape.KeyLength);
                        row.Masked.CopyTo(result.Masked, number * shape.KeyLength);
                        row.Weights.CopyTo(result.Weights, number * shape.KeyLength);
                    }
                }
            }
        }
    }

    internal static void Backward(AttentionProblem<T> problem, AttentionGradients<T> gradients)
    {
        AttentionShape shape = problem.Shape;
        AttentionRow<T> row = new(problem);
        T[] weightGradients = new T[shape.KeyLength];
        int number = 0;
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            for (int head = 0; head < shape.Heads; head++)
            {
                for (int query = 0; query < shape.QueryLength; query++, number++)
                {
                    row.Compute(batch, head, query);
                    BackwardRow(problem, gradients, row, weightGradients, batch, head, query);
                }
            }
        }
    }

    private static void AddValues(
        AttentionProblem<T> problem, AttentionRow<T> row, int batch, int head, int query, Span<T> output)
    {
        AttentionShape shape = problem.Shape;
        int valueStart = ValueStart(shape, batch, head);
        output.Clear();
        for (int key = 0; key < shape.KeyLength; key++)
        {
            T weight = Kept(problem, row, batch, head, query, key);
            if (row.Hidden[key] || T.IsZero(weight))
            {
                continue;
            }

            for (int c = 0; c < shape.ValueSize; c++)
            {
                output[c] += weight * problem.Value[valueStart + (key * shape.ValueSize) + c];
            }
        }
    }

    private static void BackwardRow(
        AttentionProblem<T> problem, AttentionGradients<T> gradients, AttentionRow<T> row, T[] weightGradients, int batch, int head, int query)
    {
        AttentionShape shape = problem.Shape;
        T[] outputGradient = problem.OutputGradient!;
        int number = (((batch * shape.Heads) + head) * shape.QueryLength) + query;
        int valueStart = ValueStart(shape, batch, head);
        T mean = T.Zero;
        for (int key = 0; key < shape.KeyLength; key++)
        {
            if (row.Hidden[key])
            {
                continue;
            }

            int start = valueStart + (key * shape.ValueSize);
            T kept = Kept(problem, row, batch, head, query, key);
            for (int c = 0; c < shape.ValueSize; c++)
            {
                gradients.Value[start + c] += kept * outputGradient[(number * shape.ValueSize) + c];
            }

            T factor = KeepFactor(problem, batch, head, query, key);
            weightGradients[key] = T.IsZero(factor)
                ? T.Zero
                : factor * AttentionRow<T>.Dot(outputGradient, number * shape.ValueSize, problem.Value, start, shape.ValueSize);
            mean += row.Weights[key] * weightGradients[key];
        }

        // A row that is empty in every respect has constant results, and no weight to carry this anywhere.
        T through = problem.LogSumExpGradient is T[] given ? given[number] - mean : -mean;
        if (problem.SinkLogits is not null)
        {
            gradients.SinkLogits[head] += row.SinkWeight * through;
        }

        T scale = problem.ScaleOrDefault;
        int queryStart = number * shape.HeadSize;
        int keyHead = head / (shape.Heads / shape.KeyValueHeads);
        int keyStart = ((batch * shape.KeyValueHeads) + keyHead) * shape.KeyLength * shape.HeadSize;
        for (int key = 0; key < shape.KeyLength; key++)
        {
            if (row.Hidden[key])
            {
                continue;
            }

            T scoreGradient = row.Weights[key] * (weightGradients[key] + through);
            if (problem.Bias is not null)
            {
                gradients.Bias[problem.BiasIndex(batch, head, query, key)] += scoreGradient;
            }

            scoreGradient *= row.Derivative[key];
            gradients.Scale += scoreGradient * row.Raw[key] / scale;
            scoreGradient *= scale;
            int start = keyStart + (key * shape.HeadSize);
            for (int c = 0; c < shape.HeadSize; c++)
            {
                gradients.Query[queryStart + c] += scoreGradient * problem.Key[start + c];
                gradients.Key[start + c] += scoreGradient * problem.Query[queryStart + c];
            }
        }
    }

    private static int ValueStart(AttentionShape shape, int batch, int head) =>
        ((batch * shape.KeyValueHeads) + (head / (shape.Heads / shape.KeyValueHeads))) * shape.KeyLength * shape.ValueSize;

    private static T Kept(AttentionProblem<T> problem, AttentionRow<T> row, int batch, int head, int query, int key) =>
        row.Weights[key] * KeepFactor(problem, batch, head, query, key);

    private static T KeepFactor(AttentionProblem<T> problem, int batch, int head, int query, int key) =>
        problem.KeepFactor is ReferenceKeepFactor factor ? T.CreateTruncating(factor(batch, head, query, key)) : T.One;
}
