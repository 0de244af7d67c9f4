using System.Numerics.Tensors;
using Attention.Backends;
using Attention.Operators;

namespace Attention.PublicApi.Tests;

internal sealed partial class OutsiderBackend
{
    public void Accumulate(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0)
    {
        Check(source, nameof(source));
        Check(destination, nameof(destination));
        RequireRepeats(source, nameof(source), destination);
        float[] values = Read(source);
        float[] results = new float[destination.Count];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = alpha * values[Repeated(i, destination.Lengths, source.Lengths)];
        }

        Write(destination, results, beta);
    }

    public void Multiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float beta = 0)
    {
        Check(left, nameof(left));
        Check(right, nameof(right));
        Check(destination, nameof(destination));
        RequireRepeats(left, nameof(left), destination);
        RequireRepeats(right, nameof(right), destination);
        (float[] a, float[] b) = (Read(left), Read(right));
        float[] results = new float[destination.Count];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = a[Repeated(i, destination.Lengths, left.Lengths)] * b[Repeated(i, destination.Lengths, right.Lengths)];
        }

        Write(destination, results, beta);
    }

    public void Sum(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0)
    {
        Check(source, nameof(source));
        Check(destination, nameof(destination));
        RequireRepeats(destination, nameof(destination), source);
        float[] values = Read(source);
        double[] sums = new double[destination.Count];
        for (int i = 0; i < values.Length; i++)
        {
            sums[Repeated(i, source.Lengths, destination.Lengths)] += values[i];
        }

        Write(destination, Array.ConvertAll(sums, sum => (float)(alpha * sum)), beta);
    }

    public double SumOfSquares(DeviceTensor source)
    {
        Check(source, nameof(source));
        return Read(source).Sum(static x => (double)x * x);
    }

    public void Activate(ActivationKind kind, DeviceTensor input, DeviceTensor output)
    {
        Check(input, nameof(input));
        Check(output, nameof(output));
        RequireShape(output, nameof(output), input.Lengths);
        float[] results = new float[output.Count];
        Activation.Forward(kind, new ReadOnlyTensorSpan<float>(Read(input)), new TensorSpan<float>(results));
        Write(output, results, 0);
    }

    public void ActivateBackward(ActivationKind kind, DeviceTensor input, DeviceTensor outputGradient, DeviceTensor inputGradient, float beta = 0)
    {
        Check(input, nameof(input));
        Check(outputGradient, nameof(outputGradient));
        Check(inputGradient, nameof(inputGradient));
        RequireShape(outputGradient, nameof(outputGradient), input.Lengths);
        RequireShape(inputGradient, nameof(inputGradient), input.Lengths);
        float[] results = new float[input.Count];
        Activation.Backward(
            kind, new ReadOnlyTensorSpan<float>(Read(input)), new ReadOnlyTensorSpan<float>(Read(outputGradient)), new TensorSpan<float>(results));
        Write(inputGradient, results, beta);
    }

    /// <remarks>Which numbers are dropped is each backend's own affair; here a hash of seed and place decides.</remarks>
    public void Drop(DeviceTensor input, float probability, ulong seed, DeviceTensor output, float beta = 0)
    {
        Check(input, nameof(input));
        Check(output, nameof(output));
        RequireShape(output, nameof(output), input.Lengths);
        float[] values = Read(input);
        for (int i = 0; i < values.Length; i++)
        {
            ulong hash = (seed * 0x9E3779B97F4A7C15 + (ulong)i + 1) * 0xBF58476D1CE4E5B9;
            hash = (hash ^ (hash >> 29)) * 0x94D049BB133111EB;
            double draw = (hash >> 11) * Math.Pow(2, -53);
            values[i] = draw < probability ? 0 : values[i] / (1 - probability);
        }

        Write(output, values, beta);
    }

    public void AdamUpdate(DeviceTensor parameter, DeviceTensor gradient, DeviceTensor firstMoment, DeviceTensor secondMoment, in AdamStep step)
    {
        Check(parameter, nameof(parameter));
        Check(gradient, nameof(gradient));
        Check(firstMoment, nameof(firstMoment));
        Check(secondMoment, nameof(secondMoment));
        RequireShape(gradient, nameof(gradient), parameter.Lengths);
        RequireShape(firstMoment, nameof(firstMoment), parameter.Lengths);
        RequireShape(secondMoment, nameof(secondMoment), parameter.Lengths);
        (float[] p, float[] g, float[] first, float[] second) = (Read(parameter), Read(gradient), Read(firstMoment), Read(secondMoment));
        for (int i = 0; i < p.Length; i++)
        {
            double slope = g[i] * step.GradientScale;
            first[i] = (float)(step.Beta1 * first[i] + (1.0 - step.Beta1) * slope);
            second[i] = (float)(step.Beta2 * second[i] + (1.0 - step.Beta2) * slope * slope);
            double mean = first[i] / (1 - Math.Pow(step.Beta1, step.Step));
            double square = second[i] / (1 - Math.Pow(step.Beta2, step.Step));
            p[i] = (float)(p[i] - step.LearningRate * (step.WeightDecay * p[i] + mean / (Math.Sqrt(square) + step.Epsilon)));
        }

        Write(parameter, p, 0);
        Write(firstMoment, first, 0);
        Write(secondMoment, second, 0);
    }
}
