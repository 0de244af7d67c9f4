using System.Numerics.Tensors;
using Attention.Gemm;
using Attention.Mechanisms;
using Attention.Operators;
using Attention.Policies;
using Attention.Positions;

namespace Attention.Backends;

/// <summary>
/// Computes on the processor: a thin adapter over the static methods of <see cref="Mechanisms"/>, <see cref="Operators"/> and
/// <see cref="Gemm"/>, which it calls on the tensors' own memory. All methods are thread-safe.
/// </summary>
/// <remarks>Memory of disposed tensors is kept for the next ones of a like size; <see cref="Trim"/> gives it back.</remarks>
public sealed unsafe class CpuBackend : IComputeBackend
{
    private readonly CpuMemory _memory = new();
    private readonly MatrixProductOptions _products;
    private readonly int _threads;

    /// <summary>Creates a backend with memory of its own.</summary>
    /// <param name="maxDegreeOfParallelism">How many threads a computation may use; 0 for one on each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    public CpuBackend(int maxDegreeOfParallelism = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxDegreeOfParallelism);
        _threads = maxDegreeOfParallelism;
        _products = new MatrixProductOptions { MaxDegreeOfParallelism = maxDegreeOfParallelism };
    }

    /// <summary>A backend for all who need no settings of their own.</summary>
    public static CpuBackend Shared { get; } = new();

    /// <inheritdoc/>
    public string Name => "CPU";

    /// <summary>The numbers of a tensor where they are.</summary>
    /// <param name="tensor">A tensor of a CPU backend, which must not be disposed while the span is used.</param>
    /// <exception cref="ArgumentException">The tensor lives on another kind of backend.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public static TensorSpan<float> Span(DeviceTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        CpuBuffer buffer = tensor.Buffer as CpuBuffer
            ?? throw new ArgumentException($"'{nameof(tensor)}' lives on {tensor.Backend.Name}, not in the host's memory.", nameof(tensor));
        float* first = buffer.Address + tensor.Offset;
        nint length = buffer.Length - tensor.Offset;

        // A span of nothing takes no strides that say otherwise.
        return tensor.Count == 0
            ? new TensorSpan<float>(first, length, tensor.Lengths)
            : new TensorSpan<float>(first, length, tensor.Lengths, tensor.Strides);
    }

    /// <summary>Gives memory that no tensor uses back to the system, once the collector has run.</summary>
    public void Trim() => _memory.Clear();

    /// <inheritdoc/>
    public BackendSupport Supports(in ComputeRequest request) => BackendSupport.Yes;

    /// <inheritdoc/>
    public DeviceBuffer Allocate(nint length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return _memory.Take(length) ?? new CpuBuffer(this, CpuMemory.Capacity(length));
    }

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> source, DeviceTensor destination)
    {
        TensorSpan<float> span = Own(destination, nameof(destination));
        CheckCount(source.Length, destination.Count, nameof(source));
        new ReadOnlyTensorSpan<float>(source, destination.Lengths).CopyTo(span);
        GC.KeepAlive(destination);
    }

    /// <inheritdoc/>
    public void Download(DeviceTensor source, Span<float> destination)
    {
        ReadOnlyTensorSpan<float> span = Own(source, nameof(source));
        CheckCount(destination.Length, source.Count, nameof(destination));
        span.CopyTo(new TensorSpan<float>(destination, source.Lengths));
        GC.KeepAlive(source);
    }

    /// <inheritdoc/>
    public void Fill(DeviceTensor destination, float value)
    {
        Elementwise.Fill(Own(destination, nameof(destination)), value, _threads);
        GC.KeepAlive(destination);
    }

    /// <inheritdoc/>
    public void AttentionForward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor? logSumExp, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ScaledDotProductAttention.Forward(
            Own(inputs.Query, "query"), Own(inputs.Key, "key"), Own(inputs.Value, "value"), mask, modifier, Terms(inputs),
            Own(output, nameof(output)), Optional(logSumExp, nameof(logSumExp)), With(options));
        KeepAlive(inputs);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
    }

    /// <inheritdoc/>
    public void AttentionBackward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor logSumExp,
        DeviceTensor outputGradient, in AttentionTensors gradients, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ScaledDotProductAttention.Backward(
            Own(inputs.Query, "query"), Own(inputs.Key, "key"), Own(inputs.Value, "value"), mask, modifier, Terms(inputs),
            Own(output, nameof(output)), Own(logSumExp, nameof(logSumExp)), Own(outputGradient, nameof(outputGradient)), default,
            Own(gradients.Query, "queryGradient"), Own(gradients.Key, "keyGradient"), Own(gradients.Value, "valueGradient"),
            new ScoreTermGradients
            {
                Bias = Optional(gradients.Bias, "biasGradient"),
                SinkLogits = Row(gradients.SinkLogits, "sinkLogitsGradient"),
            },
            With(options));
        KeepAlive(inputs);
        KeepAlive(gradients);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
        GC.KeepAlive(outputGradient);
    }

    /// <inheritdoc/>
    public void AttentionWeights<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, ReadOnlySpan<int> heads, DeviceTensor weights, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ScaledDotProductAttention.Scores(
            Own(inputs.Query, "query"), Own(inputs.Key, "key"), mask, modifier, Terms(inputs), default, ScoreStage.Weights,
            heads, [], Own(weights, nameof(weights)), With(options));
        KeepAlive(inputs);
        GC.KeepAlive(weights);
    }

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
        LinearCheck.Arguments(
            Own(input, nameof(input)), Own(weight, nameof(weight)), Optional(bias, nameof(bias)), Own(output, nameof(output)));
        float beta = 0;
        if (bias is not null)
        {
            // The product is added to the bias that is already there: one pass less than adding it afterwards.
            Accumulate(bias, output);
            beta = 1;
        }

        using DeviceTensor transposed = weight.Transpose(0, 1);
        MatrixMultiply(input, transposed, output, 1, beta);
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
        Embedding.Forward(Own(table, nameof(table)), indices, Own(output, nameof(output)), _threads);
        KeepAlive(table, output);
    }

    /// <inheritdoc/>
    public void GatherBackward(ReadOnlySpan<int> indices, DeviceTensor outputGradient, DeviceTensor tableGradient, float beta = 1)
    {
        Embedding.Backward(indices, Own(outputGradient, nameof(outputGradient)), Own(tableGradient, nameof(tableGradient)), beta, _threads);
        KeepAlive(outputGradient, tableGradient);
    }

    /// <inheritdoc/>
    public void Rotate(DeviceTensor input, RotaryTable table, int offset, bool inverse, DeviceTensor output)
    {
        if (inverse)
        {
            Rotary.ApplyInverse(Own(input, nameof(input)), table, offset, Own(output, nameof(output)), _threads);
        }
        else
        {
            Rotary.Apply(Own(input, nameof(input)), table, offset, Own(output, nameof(output)), _threads);
        }

        KeepAlive(input, output);
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

    internal void Return(CpuBuffer buffer) => _memory.Return(buffer);

    private static void CheckCount(nint actual, nint expected, string name)
    {
        if (actual != expected)
        {
            throw new ArgumentException($"'{name}' has {actual} numbers; the tensor has {expected}.", name);
        }
    }

    /// <summary>A tensor's memory must not go while a kernel works on its address.</summary>
    private static void KeepAlive(DeviceTensor? first, DeviceTensor? second, DeviceTensor? third = null, DeviceTensor? fourth = null)
    {
        GC.KeepAlive(first);
        GC.KeepAlive(second);
        GC.KeepAlive(third);
        GC.KeepAlive(fourth);
    }

    private static void KeepAlive(in AttentionTensors tensors)
    {
        KeepAlive(tensors.Query, tensors.Key, tensors.Value, tensors.Bias);
        GC.KeepAlive(tensors.SinkLogits);
    }

    private TensorSpan<float> Own(DeviceTensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (tensor.IsDisposed)
        {
            throw new ObjectDisposedException(nameof(DeviceTensor), $"'{name}' was disposed.");
        }

        return tensor.Backend == this
            ? Span(tensor)
            : throw new ArgumentException($"'{name}' lives on another backend ({tensor.Backend.Name}) than the one that is to compute with it ({Name}).", name);
    }

    private TensorSpan<float> Optional(DeviceTensor? tensor, string name) => tensor is null ? default : Own(tensor, name);

    private Span<float> Row(DeviceTensor? tensor, string name)
    {
        if (tensor is null)
        {
            return default;
        }

        TensorSpan<float> span = Own(tensor, name);
        return tensor.Rank == 1 && tensor.IsContiguous
            ? new Span<float>(((CpuBuffer)tensor.Buffer).Address + tensor.Offset, checked((int)span.FlattenedLength))
            : throw new ArgumentException($"'{name}' has shape {Shapes.Text(tensor.Lengths)}; expected one contiguous axis.", name);
    }

    private ScoreTerms Terms(in AttentionTensors inputs) =>
        new() { Bias = Optional(inputs.Bias, "bias"), SinkLogits = Row(inputs.SinkLogits, "sinkLogits") };

    /// <summary>A call without its own number of threads gets the backend's.</summary>
    private AttentionOptions With(in AttentionOptions options) =>
        options.MaxDegreeOfParallelism == 0 ? options with { MaxDegreeOfParallelism = _threads } : options;
}
