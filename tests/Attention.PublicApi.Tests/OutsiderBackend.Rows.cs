using System.Numerics.Tensors;
using Attention.Backends;
using Attention.Operators;

namespace Attention.PublicApi.Tests;

internal sealed partial class OutsiderBackend
{
    public void MatrixMultiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float alpha = 1, float beta = 0)
    {
        Check(left, nameof(left));
        Check(right, nameof(right));
        Check(destination, nameof(destination));
        Require(left.Rank >= 2, nameof(left), "is no matrix.");
        Require(right.Rank >= 2 && right.Lengths[^2] == left.Lengths[^1], nameof(right), "does not fit the left factor.");
        Require(
            destination.Rank >= 2 && destination.Lengths[^2] == left.Lengths[^2] && destination.Lengths[^1] == right.Lengths[^1],
            nameof(destination), "does not fit the factors.");
        (int rows, int depth, int columns) = ((int)left.Lengths[^2], (int)left.Lengths[^1], (int)right.Lengths[^1]);
        (float[] a, float[] b) = (Read(left), Read(right));
        float[] results = new float[destination.Count];
        for (int i = 0; i < results.Length; i++)
        {
            int matrix = i / (rows * columns);
            int first = (Repeated(matrix, destination.Lengths[..^2], left.Lengths[..^2]) * rows + i / columns % rows) * depth;
            int second = Repeated(matrix, destination.Lengths[..^2], right.Lengths[..^2]) * depth * columns + i % columns;
            double sum = 0;
            for (int k = 0; k < depth; k++)
            {
                sum += (double)a[first + k] * b[second + k * columns];
            }

            results[i] = (float)(alpha * sum);
        }

        Write(destination, results, beta);
    }

    public void Linear(DeviceTensor input, DeviceTensor weight, DeviceTensor? bias, DeviceTensor output)
    {
        Check(input, nameof(input));
        Check(weight, nameof(weight));
        Check(bias, nameof(bias));
        Check(output, nameof(output));
        Require(input.Rank == 2, nameof(input), "is no matrix.");
        Require(weight.Rank == 2 && weight.Lengths[1] == input.Lengths[1], nameof(weight), "does not fit the input.");
        RequireShape(bias, nameof(bias), weight.Lengths[0]);
        RequireShape(output, nameof(output), input.Lengths[0], weight.Lengths[0]);
        using DeviceTensor transposed = weight.Transpose(0, 1);
        MatrixMultiply(input, transposed, output);
        if (bias is not null)
        {
            Accumulate(bias, output, 1, 1);
        }
    }

    public void Normalize(NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, DeviceTensor? bias, float epsilon, DeviceTensor output)
    {
        Check(input, nameof(input));
        Check(weight, nameof(weight));
        Check(bias, nameof(bias));
        Check(output, nameof(output));
        RequireShape(weight, nameof(weight), input.Lengths[^1]);
        RequireShape(bias, nameof(bias), input.Lengths[^1]);
        RequireShape(output, nameof(output), input.Lengths);
        float[] results = new float[output.Count];
        Normalization.Forward(
            kind, new ReadOnlyTensorSpan<float>(Read(input), input.Lengths), ReadOptional(weight), ReadOptional(bias), epsilon,
            new TensorSpan<float>(results, input.Lengths));
        Write(output, results, 0);
    }

    public void NormalizeBackward(
        NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, float epsilon, DeviceTensor outputGradient,
        DeviceTensor? inputGradient, DeviceTensor? weightGradient, DeviceTensor? biasGradient, float beta = 0, float parameterBeta = 0)
    {
        Check(input, nameof(input));
        Check(weight, nameof(weight));
        Check(outputGradient, nameof(outputGradient));
        Check(inputGradient, nameof(inputGradient));
        Check(weightGradient, nameof(weightGradient));
        Check(biasGradient, nameof(biasGradient));
        RequireShape(weight, nameof(weight), input.Lengths[^1]);
        RequireShape(outputGradient, nameof(outputGradient), input.Lengths);
        RequireShape(inputGradient, nameof(inputGradient), input.Lengths);
        RequireShape(weightGradient, nameof(weightGradient), input.Lengths[^1]);
        RequireShape(biasGradient, nameof(biasGradient), input.Lengths[^1]);
        float[] results = new float[input.Count];
        float[] weightResults = new float[input.Lengths[^1]];
        float[] biasResults = new float[input.Lengths[^1]];
        Normalization.Backward(
            kind, new ReadOnlyTensorSpan<float>(Read(input), input.Lengths), ReadOptional(weight), epsilon,
            new ReadOnlyTensorSpan<float>(Read(outputGradient), input.Lengths), new TensorSpan<float>(results, input.Lengths),
            weightResults, biasResults);
        WriteOptional(inputGradient, results, beta);
        WriteOptional(weightGradient, weightResults, parameterBeta);
        WriteOptional(biasGradient, biasResults, parameterBeta);
    }

    public void Gather(DeviceTensor table, ReadOnlySpan<int> indices, DeviceTensor output)
    {
        Check(table, nameof(table));
        Check(output, nameof(output));
        Require(table.Rank == 2, nameof(table), "is no table.");
        Require(indices.IndexOfAnyExceptInRange(0, (int)table.Lengths[0] - 1) < 0, nameof(indices), "has one that the table has not.");
        RequireShape(output, nameof(output), indices.Length, table.Lengths[1]);
        (float[] rows, int size) = (Read(table), (int)table.Lengths[1]);
        float[] results = new float[output.Count];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = rows[indices[i / size] * size + i % size];
        }

        Write(output, results, 0);
    }

    public void GatherBackward(ReadOnlySpan<int> indices, DeviceTensor outputGradient, DeviceTensor tableGradient, float beta = 1)
    {
        Check(outputGradient, nameof(outputGradient));
        Check(tableGradient, nameof(tableGradient));
        Require(tableGradient.Rank == 2, nameof(tableGradient), "is no table.");
        RequireShape(outputGradient, nameof(outputGradient), indices.Length, tableGradient.Lengths[1]);
        Require(indices.IndexOfAnyExceptInRange(0, (int)tableGradient.Lengths[0] - 1) < 0, nameof(indices), "has one that the table has not.");
        (float[] rows, int size) = (Read(outputGradient), (int)tableGradient.Lengths[1]);
        float[] results = new float[tableGradient.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            results[indices[i / size] * size + i % size] += rows[i];
        }

        Write(tableGradient, results, beta);
    }

    public void CrossEntropy(DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor losses)
    {
        CheckLogits(logits, targets);
        Check(losses, nameof(losses));
        RequireShape(losses, nameof(losses), targets.Length);
        float[] results = new float[targets.Length];
        Operators.CrossEntropy.Forward(new ReadOnlyTensorSpan<float>(Read(logits), logits.Lengths), targets, results, labelSmoothing);
        Write(losses, results, 0);
    }

    public void CrossEntropyBackward(
        DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor lossGradients, DeviceTensor logitsGradient, float beta = 0)
    {
        CheckLogits(logits, targets);
        Check(lossGradients, nameof(lossGradients));
        Check(logitsGradient, nameof(logitsGradient));
        RequireShape(lossGradients, nameof(lossGradients), targets.Length);
        RequireShape(logitsGradient, nameof(logitsGradient), logits.Lengths);
        float[] results = new float[logits.Count];
        Operators.CrossEntropy.Backward(
            new ReadOnlyTensorSpan<float>(Read(logits), logits.Lengths), targets, Read(lossGradients),
            new TensorSpan<float>(results, logits.Lengths), labelSmoothing);
        Write(logitsGradient, results, beta);
    }

    private static void WriteOptional(DeviceTensor? tensor, float[] values, float beta)
    {
        if (tensor is not null)
        {
            Write(tensor, values, beta);
        }
    }

    private void CheckLogits(DeviceTensor logits, ReadOnlySpan<int> targets)
    {
        Check(logits, nameof(logits));
        Require(logits.Rank == 2 && logits.Lengths[0] == targets.Length, nameof(logits), "does not have a row for each target.");
        Require(targets.IndexOfAnyExceptInRange(-1, (int)logits.Lengths[1] - 1) < 0, nameof(targets), "has a class that does not exist.");
    }
}
