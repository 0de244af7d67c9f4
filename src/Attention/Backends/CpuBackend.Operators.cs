using System.Numerics.Tensors;
using Attention.Gemm;
using Attention.Operators;

namespace Attention.Backends;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void MatrixMultiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float alpha = 1, float beta = 0)
    {
        MatrixProduct.Multiply(
            Own(left, nameof(left)), Own(right, nameof(right)), Own(destination, nameof(destination)), alpha, beta, _products);
        KeepAlive(left, right, destination);
    }

    /// <inheritdoc/>
    public void Linear(DeviceTensor input, DeviceTensor weight, DeviceTensor? bias, DeviceTensor output)
    {
        TensorSpan<float> outputSpan = Own(output, nameof(output));
        TensorSpan<float> inputSpan = Own(input, nameof(input));
        LinearCheck.Arguments(inputSpan, Own(weight, nameof(weight)), Optional(bias, nameof(bias)), outputSpan);
        using DeviceTensor transposed = weight.Transpose(0, 1);
        if (bias is null)
        {
            MatrixProduct.Multiply(inputSpan, Span(transposed), outputSpan, options: _products);
        }
        else
        {
            MatrixProduct.MultiplyAdd(inputSpan, Span(transposed), Span(bias), outputSpan, options: _products);
        }

        KeepAlive(input, weight, bias, output);
    }

    /// <inheritdoc/>
    public void Accumulate(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0)
    {
        Elementwise.Accumulate(Own(source, nameof(source)), Own(destination, nameof(destination)), alpha, beta, _threads);
        KeepAlive(source, destination);
    }

    /// <inheritdoc/>
    public void Multiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float beta = 0)
    {
        Elementwise.Multiply(Own(left, nameof(left)), Own(right, nameof(right)), Own(destination, nameof(destination)), beta, _threads);
        KeepAlive(left, right, destination);
    }

    /// <inheritdoc/>
    public void Sum(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0)
    {
        Elementwise.Sum(Own(source, nameof(source)), Own(destination, nameof(destination)), alpha, beta, _threads);
        KeepAlive(source, destination);
    }

    /// <inheritdoc/>
    public double SumOfSquares(DeviceTensor source)
    {
        double sum = Elementwise.SumOfSquares(Own(source, nameof(source)), _threads);
        GC.KeepAlive(source);
        return sum;
    }

    /// <inheritdoc/>
    public void Activate(ActivationKind kind, DeviceTensor input, DeviceTensor output)
    {
        Activation.Forward(kind, Own(input, nameof(input)), Own(output, nameof(output)), _threads);
        KeepAlive(input, output);
    }

    /// <inheritdoc/>
    public void ActivateBackward(ActivationKind kind, DeviceTensor input, DeviceTensor outputGradient, DeviceTensor inputGradient, float beta = 0)
    {
        Activation.Backward(
            kind, Own(input, nameof(input)), Own(outputGradient, nameof(outputGradient)), Own(inputGradient, nameof(inputGradient)), beta, _threads);
        KeepAlive(input, outputGradient, inputGradient);
    }

    /// <inheritdoc/>
    public void Normalize(NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, DeviceTensor? bias, float epsilon, DeviceTensor output)
    {
        Normalization.Forward(
            kind, Own(input, nameof(input)), Row(weight, nameof(weight)), Row(bias, nameof(bias)), epsilon, Own(output, nameof(output)), _threads);
        KeepAlive(input, weight, bias, output);
    }

    /// <inheritdoc/>
    public void NormalizeBackward(
        NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, float epsilon, DeviceTensor outputGradient,
        DeviceTensor? inputGradient, DeviceTensor? weightGradient, DeviceTensor? biasGradient, float beta = 0, float parameterBeta = 0)
    {
        Normalization.Backward(
            kind, Own(input, nameof(input)), Row(weight, nameof(weight)), epsilon, Own(outputGradient, nameof(outputGradient)),
            Optional(inputGradient, nameof(inputGradient)), Row(weightGradient, nameof(weightGradient)),
            Row(biasGradient, nameof(biasGradient)), beta, parameterBeta, _threads);
        KeepAlive(input, weight, outputGradient, inputGradient);
        KeepAlive(weightGradient, biasGradient);
    }

    /// <inheritdoc/>
    public void Gather(DeviceTensor table, ReadOnlySpan<int> indices, DeviceTensor output)
    {
        EmbeddingLookup.Forward(Own(table, nameof(table)), indices, Own(output, nameof(output)), _threads);
        KeepAlive(table, output);
    }

    /// <inheritdoc/>
    public void GatherBackward(ReadOnlySpan<int> indices, DeviceTensor outputGradient, DeviceTensor tableGradient, float beta = 1)
    {
        EmbeddingLookup.Backward(indices, Own(outputGradient, nameof(outputGradient)), Own(tableGradient, nameof(tableGradient)), beta, _threads);
        KeepAlive(outputGradient, tableGradient);
    }

    /// <inheritdoc/>
    public void Drop(DeviceTensor input, float probability, ulong seed, DeviceTensor output, float beta = 0)
    {
        ElementDropout.Apply(Own(input, nameof(input)), probability, seed, Own(output, nameof(output)), beta, _threads);
        KeepAlive(input, output);
    }

    /// <inheritdoc/>
    public void CrossEntropy(DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor losses)
    {
        Operators.CrossEntropy.Forward(Own(logits, nameof(logits)), targets, Row(losses, nameof(losses)), labelSmoothing, _threads);
        KeepAlive(logits, losses);
    }

    /// <inheritdoc/>
    public void CrossEntropyBackward(
        DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor lossGradients, DeviceTensor logitsGradient, float beta = 0)
    {
        Operators.CrossEntropy.Backward(
            Own(logits, nameof(logits)), targets, Row(lossGradients, nameof(lossGradients)), Own(logitsGradient, nameof(logitsGradient)),
            labelSmoothing, beta, _threads);
        KeepAlive(logits, lossGradients, logitsGradient);
    }

    /// <inheritdoc/>
    public void AdamUpdate(DeviceTensor parameter, DeviceTensor gradient, DeviceTensor firstMoment, DeviceTensor secondMoment, in AdamStep step)
    {
        OptimizerStep.Adam(
            Own(parameter, nameof(parameter)), Own(gradient, nameof(gradient)), Own(firstMoment, nameof(firstMoment)),
            Own(secondMoment, nameof(secondMoment)), step, _threads);
        KeepAlive(parameter, gradient, firstMoment, secondMoment);
    }
}
