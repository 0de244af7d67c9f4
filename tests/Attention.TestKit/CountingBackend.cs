using System.Numerics.Tensors;
using Attention.Backends;
using Attention.Gemm;
using Attention.Mechanisms;
using Attention.Operators;
using Attention.Policies;
using Attention.Positions;

namespace Attention.TestKit;

/// <summary>
/// A backend with memory of its own that computes with the library's static methods and counts what crosses between host and
/// device, what is computed, and which memory is in use.
/// </summary>
public sealed class CountingBackend : IComputeBackend, IHostMemory
{
    private int _liveBuffers;

    public string Name => "counting";

    /// <summary>Floats that came from the host.</summary>
    public long Uploaded { get; private set; }

    /// <summary>Floats that went to the host.</summary>
    public long Downloaded { get; private set; }

    /// <summary>Computations, transfers not among them.</summary>
    public int Computations { get; private set; }

    /// <summary>Buffers that are in use.</summary>
    public int LiveBuffers => _liveBuffers;

    public int MaxDegreeOfParallelism => 0;

    public BackendSupport Supports(in ComputeRequest request) => BackendSupport.Yes;

    public BackendSupport Supports<TComputation>()
        where TComputation : struct, IComputation => BackendSupport.Yes;

    public void Run<TComputation>(in TComputation computation)
        where TComputation : struct, IComputation
    {
        Computations++;
        computation.RunOnHost(this);
    }

    public TensorSpan<float> Span(DeviceTensor? tensor, string name) => Optional(tensor, name);

    public DeviceBuffer Allocate(nint length)
    {
        Interlocked.Increment(ref _liveBuffers);
        return new CountingBuffer(this, length);
    }

    public void Upload(ReadOnlySpan<float> source, DeviceTensor destination)
    {
        TensorSpan<float> span = Own(destination, nameof(destination));
        CheckCount(source.Length, destination, nameof(source));
        new ReadOnlyTensorSpan<float>(source, destination.Lengths).CopyTo(span);
        Uploaded += source.Length;
    }

    public void Download(DeviceTensor source, Span<float> destination)
    {
        ReadOnlyTensorSpan<float> span = Own(source, nameof(source));
        CheckCount(destination.Length, source, nameof(destination));
        span.CopyTo(new TensorSpan<float>(destination, source.Lengths));
        Downloaded += destination.Length;
    }

    public void Fill(DeviceTensor destination, float value) => Elementwise.Fill(Computes(destination, nameof(destination)), value);

    public void AttentionForward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor? logSumExp, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier => ScaledDotProductAttention.Forward(
            Computes(inputs.Query, "query"), Own(inputs.Key, "key"), Own(inputs.Value, "value"), mask, modifier, Terms(inputs),
            Own(output, nameof(output)), Optional(logSumExp, nameof(logSumExp)), options);

    public void AttentionBackward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor logSumExp,
        DeviceTensor outputGradient, in AttentionTensors gradients, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier => ScaledDotProductAttention.Backward(
            Computes(inputs.Query, "query"), Own(inputs.Key, "key"), Own(inputs.Value, "value"), mask, modifier, Terms(inputs),
            Own(output, nameof(output)), Own(logSumExp, nameof(logSumExp)), Own(outputGradient, nameof(outputGradient)), default,
            Own(gradients.Query, "queryGradient"), Own(gradients.Key, "keyGradient"), Own(gradients.Value, "valueGradient"),
            new ScoreTermGradients
            {
                Bias = Optional(gradients.Bias, "biasGradient"),
                SinkLogits = Row(gradients.SinkLogits, "sinkLogitsGradient"),
            },
            options);

    public void AttentionWeights<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, ReadOnlySpan<int> heads, DeviceTensor weights, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier => ScaledDotProductAttention.Scores(
            Computes(inputs.Query, "query"), Own(inputs.Key, "key"), mask, modifier, Terms(inputs), default, ScoreStage.Weights, heads, [],
            Own(weights, nameof(weights)), options);

    public void MatrixMultiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float alpha = 1, float beta = 0) =>
        MatrixProduct.Multiply(Computes(left, nameof(left)), Own(right, nameof(right)), Own(destination, nameof(destination)), alpha, beta);

    public void Linear(DeviceTensor input, DeviceTensor weight, DeviceTensor? bias, DeviceTensor output)
    {
        Own(weight, nameof(weight));
        if (bias is not null && (bias.Rank != 1 || bias.Lengths[0] != weight.Lengths[0]))
        {
            throw new ArgumentException($"'{nameof(bias)}' has another length than the output.", nameof(bias));
        }

        using DeviceTensor transposed = weight.Transpose(0, 1);
        TensorSpan<float> result = Computes(output, nameof(output));
        ReadOnlyTensorSpan<float> terms = Optional(bias, nameof(bias));
        if (bias is null)
        {
            MatrixProduct.Multiply(Own(input, nameof(input)), Own(transposed, nameof(weight)), result);
            return;
        }

        // The first product changes nothing: it only checks the shapes before the bias is written.
        MatrixProduct.Multiply(Own(input, nameof(input)), Own(transposed, nameof(weight)), result, 0, 1);
        Elementwise.Accumulate(terms, result);
        MatrixProduct.Multiply(Own(input, nameof(input)), Own(transposed, nameof(weight)), result, 1, 1);
    }

    public void Accumulate(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0) =>
        Elementwise.Accumulate(Computes(source, nameof(source)), Own(destination, nameof(destination)), alpha, beta);

    public void Multiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float beta = 0) =>
        Elementwise.Multiply(Computes(left, nameof(left)), Own(right, nameof(right)), Own(destination, nameof(destination)), beta);

    public void Sum(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0) =>
        Elementwise.Sum(Computes(source, nameof(source)), Own(destination, nameof(destination)), alpha, beta);

    public double SumOfSquares(DeviceTensor source) => Elementwise.SumOfSquares(Computes(source, nameof(source)));

    public void Activate(ActivationKind kind, DeviceTensor input, DeviceTensor output) =>
        Activation.Forward(kind, Computes(input, nameof(input)), Own(output, nameof(output)));

    public void ActivateBackward(ActivationKind kind, DeviceTensor input, DeviceTensor outputGradient, DeviceTensor inputGradient, float beta = 0) =>
        Activation.Backward(
            kind, Computes(input, nameof(input)), Own(outputGradient, nameof(outputGradient)), Own(inputGradient, nameof(inputGradient)), beta);

    public void Normalize(NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, DeviceTensor? bias, float epsilon, DeviceTensor output) =>
        Normalization.Forward(
            kind, Computes(input, nameof(input)), Row(weight, nameof(weight)), Row(bias, nameof(bias)), epsilon, Own(output, nameof(output)));

    public void NormalizeBackward(
        NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, float epsilon, DeviceTensor outputGradient,
        DeviceTensor? inputGradient, DeviceTensor? weightGradient, DeviceTensor? biasGradient, float beta = 0, float parameterBeta = 0) =>
        Normalization.Backward(
            kind, Computes(input, nameof(input)), Row(weight, nameof(weight)), epsilon, Own(outputGradient, nameof(outputGradient)),
            Optional(inputGradient, nameof(inputGradient)), Row(weightGradient, nameof(weightGradient)),
            Row(biasGradient, nameof(biasGradient)), beta, parameterBeta);

    public void Gather(DeviceTensor table, ReadOnlySpan<int> indices, DeviceTensor output) =>
        EmbeddingLookup.Forward(Computes(table, nameof(table)), indices, Own(output, nameof(output)));

    public void GatherBackward(ReadOnlySpan<int> indices, DeviceTensor outputGradient, DeviceTensor tableGradient, float beta = 1) =>
        EmbeddingLookup.Backward(indices, Computes(outputGradient, nameof(outputGradient)), Own(tableGradient, nameof(tableGradient)), beta);

    public void Rotate(DeviceTensor input, in Rotation rotation, ReadOnlySpan<int> positions, int offset, bool inverse, DeviceTensor output)
    {
        ReadOnlyTensorSpan<float> source = Computes(input, nameof(input));
        TensorSpan<float> destination = Own(output, nameof(output));
        switch (positions.IsEmpty, inverse)
        {
            case (true, false):
                Rotary.Apply(source, rotation.Table, offset, rotation.Layout, destination);
                break;
            case (true, true):
                Rotary.ApplyInverse(source, rotation.Table, offset, rotation.Layout, destination);
                break;
            case (false, false):
                Rotary.Apply(source, rotation.Table, positions, rotation.Layout, destination);
                break;
            case (false, true):
                Rotary.ApplyInverse(source, rotation.Table, positions, rotation.Layout, destination);
                break;
        }
    }

    public void Drop(DeviceTensor input, float probability, ulong seed, DeviceTensor output, float beta = 0) =>
        ElementDropout.Apply(Computes(input, nameof(input)), probability, seed, Own(output, nameof(output)), beta);

    public void CrossEntropy(DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor losses) =>
        Operators.CrossEntropy.Forward(Computes(logits, nameof(logits)), targets, Row(losses, nameof(losses)), labelSmoothing);

    public void CrossEntropyBackward(
        DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor lossGradients, DeviceTensor logitsGradient,
        float beta = 0) =>
        Operators.CrossEntropy.Backward(
            Computes(logits, nameof(logits)), targets, Row(lossGradients, nameof(lossGradients)),
            Own(logitsGradient, nameof(logitsGradient)), labelSmoothing, beta);

    public void AdamUpdate(DeviceTensor parameter, DeviceTensor gradient, DeviceTensor firstMoment, DeviceTensor secondMoment, in AdamStep step) =>
        OptimizerStep.Adam(
            Computes(parameter, nameof(parameter)), Own(gradient, nameof(gradient)), Own(firstMoment, nameof(firstMoment)),
            Own(secondMoment, nameof(secondMoment)), step);

    internal void CountFree() => Interlocked.Decrement(ref _liveBuffers);

    private static void CheckCount(int count, DeviceTensor tensor, string name)
    {
        if (count != tensor.Count)
        {
            throw new ArgumentException($"'{name}' has {count} numbers; the tensor has {tensor.Count}.", name);
        }
    }

    private TensorSpan<float> Computes(DeviceTensor tensor, string name)
    {
        Computations++;
        return Own(tensor, name);
    }

    private TensorSpan<float> Own(DeviceTensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (tensor.IsDisposed)
        {
            throw new ObjectDisposedException(nameof(DeviceTensor), $"'{name}' was disposed.");
        }

        return tensor.Buffer is CountingBuffer buffer && tensor.Backend == this
            ? Layout.Strided([.. tensor.Lengths], [.. tensor.Strides], (int)tensor.Offset).Write(buffer.Numbers)
            : throw new ArgumentException($"'{name}' lives on another backend ({tensor.Backend.Name}).", name);
    }

    private TensorSpan<float> Optional(DeviceTensor? tensor, string name) => tensor is null ? default : Own(tensor, name);

    private Span<float> Row(DeviceTensor? tensor, string name)
    {
        if (tensor is null)
        {
            return default;
        }

        Own(tensor, name);
        return tensor.Rank == 1 && tensor.IsContiguous
            ? ((CountingBuffer)tensor.Buffer).Numbers.AsSpan((int)tensor.Offset, (int)tensor.Count)
            : throw new ArgumentException($"'{name}' is not one contiguous axis.", name);
    }

    private ScoreTerms Terms(in AttentionTensors inputs) =>
        new() { Bias = Optional(inputs.Bias, "bias"), SinkLogits = Row(inputs.SinkLogits, "sinkLogits") };
}
