using Attention.Operators;
using Attention.Policies;
using Attention.Positions;

namespace Attention.Backends;

/// <summary>
/// Where tensors live, and the computations that can be run on them there. Each method is a whole computation: a device must
/// not be asked number by number.
/// </summary>
/// <remarks>
/// <para>
/// Every method checks its tensors before it writes: a tensor of another backend, a wrong shape or an overlap is an
/// <see cref="ArgumentException"/>, a disposed one an <see cref="ObjectDisposedException"/>, and a computation that the
/// backend does not offer a <see cref="NotSupportedException"/> with the reason that <see cref="Supports"/> gives. Nothing
/// is silently computed elsewhere.
/// </para>
/// <para>
/// <c>beta</c> means <c>destination = result + beta destination</c>; for 0 the destination is not read. Destinations do not
/// overlap sources unless said otherwise. Indices and targets come from the host: they are inputs.
/// </para>
/// </remarks>
public interface IComputeBackend
{
    /// <summary>What it is called in messages.</summary>
    string Name { get; }

    /// <summary>Whether a computation can be run here, and why not.</summary>
    /// <param name="request">The computation.</param>
    BackendSupport Supports(in ComputeRequest request);

    /// <summary>Whether <see cref="Run"/> takes a computation, and why not.</summary>
    /// <typeparam name="TComputation">The computation's type.</typeparam>
    BackendSupport Supports<TComputation>()
        where TComputation : struct, IComputation => BackendSupport.No($"{Name} does not offer {TComputation.Name}.");

    /// <summary>Runs a computation that has no method of its own.</summary>
    /// <typeparam name="TComputation">The computation's type.</typeparam>
    /// <param name="computation">What to compute, with its tensors.</param>
    /// <exception cref="NotSupportedException">The backend does not offer it.</exception>
    void Run<TComputation>(in TComputation computation)
        where TComputation : struct, IComputation =>
        throw new NotSupportedException(Supports<TComputation>().Reason ?? $"{Name} says that it offers {TComputation.Name}, but does not run it.");

    /// <summary>Takes memory for <paramref name="length"/> floats, whose contents are undefined.</summary>
    /// <param name="length">How many floats; may be 0.</param>
    DeviceBuffer Allocate(nint length);

    /// <summary>Copies numbers from the host, row-major.</summary>
    /// <param name="source">As many numbers as the destination has.</param>
    /// <param name="destination">A tensor of any strides.</param>
    void Upload(ReadOnlySpan<float> source, DeviceTensor destination);

    /// <summary>Copies numbers to the host, row-major.</summary>
    /// <param name="source">A tensor of any strides.</param>
    /// <param name="destination">Room for as many numbers as the source has.</param>
    void Download(DeviceTensor source, Span<float> destination);

    /// <summary>Sets every number of <paramref name="destination"/>.</summary>
    /// <param name="destination">Overwritten.</param>
    /// <param name="value">The number.</param>
    void Fill(DeviceTensor destination, float value);

    /// <summary>Scaled dot-product attention as <see cref="Mechanisms.ScaledDotProductAttention"/> defines it.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="inputs">Query <c>[batch, heads, queryLength, headSize]</c> and the rest.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>; null if not wanted.</param>
    /// <param name="options">Scale, dropout, threads.</param>
    void AttentionForward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor? logSumExp, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier;

    /// <summary>The gradients of <see cref="AttentionForward"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="inputs">The inputs of the forward pass.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="modifier">The modifier of the forward pass.</param>
    /// <param name="output">What the forward pass gave.</param>
    /// <param name="logSumExp">What the forward pass gave.</param>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <param name="gradients">Overwritten with the gradients of the inputs, each of its input's shape.</param>
    /// <param name="options">The options of the forward pass.</param>
    void AttentionBackward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor logSumExp,
        DeviceTensor outputGradient, in AttentionTensors gradients, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier;

    /// <summary>The weights that <see cref="AttentionForward"/> gives the values, before dropout.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="inputs">The inputs; the value is not looked at.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="heads">The heads wanted; empty for all.</param>
    /// <param name="weights">Overwritten, <c>[batch, chosen heads, queryLength, keyLength]</c>.</param>
    /// <param name="options">Scale, threads.</param>
    void AttentionWeights<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, ReadOnlySpan<int> heads, DeviceTensor weights, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier;

    /// <summary><c>destination = alpha left right + beta destination</c> for a matrix or every matrix of a batch.</summary>
    /// <param name="left"><c>[..., rows, depth]</c>, any strides.</param>
    /// <param name="right"><c>[..., depth, columns]</c>, any strides.</param>
    /// <param name="destination"><c>[..., rows, columns]</c>.</param>
    /// <param name="alpha">The factor on the product.</param>
    /// <param name="beta">The factor on the destination.</param>
    void MatrixMultiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float alpha = 1, float beta = 0);

    /// <summary>A linear layer: <c>output = input weight^T + bias</c>.</summary>
    /// <param name="input"><c>[rows, inputSize]</c>.</param>
    /// <param name="weight"><c>[outputSize, inputSize]</c>.</param>
    /// <param name="bias"><c>[outputSize]</c>, or null.</param>
    /// <param name="output">Overwritten, <c>[rows, outputSize]</c>.</param>
    void Linear(DeviceTensor input, DeviceTensor weight, DeviceTensor? bias, DeviceTensor output);

    /// <summary><c>destination = alpha source + beta destination</c>, the source repeated where it has an axis of 1 or lacks one in front.</summary>
    /// <param name="source">Any strides.</param>
    /// <param name="destination">Any strides.</param>
    /// <param name="alpha">The factor on the source.</param>
    /// <param name="beta">The factor on the destination.</param>
    void Accumulate(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0);

    /// <summary><c>destination = left right + beta destination</c>, number by number, both repeated as in <see cref="Accumulate"/>.</summary>
    /// <param name="left">Any strides.</param>
    /// <param name="right">Any strides.</param>
    /// <param name="destination">Any strides.</param>
    /// <param name="beta">The factor on the destination.</param>
    void Multiply(DeviceTensor left, DeviceTensor right, DeviceTensor destination, float beta = 0);

    /// <summary>
    /// <c>destination = alpha sum(source) + beta destination</c>, the sum over the axes where the destination has length 1 or
    /// which it lacks in front.
    /// </summary>
    /// <param name="source">Any strides.</param>
    /// <param name="destination">Any strides.</param>
    /// <param name="alpha">The factor on the sum.</param>
    /// <param name="beta">The factor on the destination.</param>
    void Sum(DeviceTensor source, DeviceTensor destination, float alpha = 1, float beta = 0);

    /// <summary>The sum of the squares of all numbers: a result that is brought to the host.</summary>
    /// <param name="source">Any strides.</param>
    double SumOfSquares(DeviceTensor source);

    /// <summary>Applies an activation function to every number.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="input">Its arguments.</param>
    /// <param name="output">Overwritten, of the same shape.</param>
    void Activate(ActivationKind kind, DeviceTensor input, DeviceTensor output);

    /// <summary>The gradient of <see cref="Activate"/>.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="input">The arguments of the forward pass.</param>
    /// <param name="outputGradient">The gradient of its output.</param>
    /// <param name="inputGradient">Of the input's shape.</param>
    /// <param name="beta">The factor on <paramref name="inputGradient"/>.</param>
    void ActivateBackward(ActivationKind kind, DeviceTensor input, DeviceTensor outputGradient, DeviceTensor inputGradient, float beta = 0);

    /// <summary>Normalises every row of the last axis.</summary>
    /// <param name="kind">Layer or root-mean-square normalisation.</param>
    /// <param name="input"><c>[..., size]</c>.</param>
    /// <param name="weight"><c>[size]</c>, or null for ones.</param>
    /// <param name="bias"><c>[size]</c>, or null for zeros.</param>
    /// <param name="epsilon">Added to the variance or mean square.</param>
    /// <param name="output">Overwritten, of the input's shape.</param>
    void Normalize(NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, DeviceTensor? bias, float epsilon, DeviceTensor output);

    /// <summary>The gradients of <see cref="Normalize"/>.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="input">The input of the forward pass.</param>
    /// <param name="weight">Its weight.</param>
    /// <param name="epsilon">Its epsilon.</param>
    /// <param name="outputGradient">The gradient of its output.</param>
    /// <param name="inputGradient">Of the input's shape, or null.</param>
    /// <param name="weightGradient"><c>[size]</c>, or null.</param>
    /// <param name="biasGradient"><c>[size]</c>, or null.</param>
    /// <param name="beta">The factor on <paramref name="inputGradient"/>.</param>
    /// <param name="parameterBeta">The factor on the other two.</param>
    void NormalizeBackward(
        NormalizationKind kind, DeviceTensor input, DeviceTensor? weight, float epsilon, DeviceTensor outputGradient,
        DeviceTensor? inputGradient, DeviceTensor? weightGradient, DeviceTensor? biasGradient, float beta = 0, float parameterBeta = 0);

    /// <summary>Takes rows of a table.</summary>
    /// <param name="table"><c>[count, size]</c>.</param>
    /// <param name="indices">Which rows.</param>
    /// <param name="output">Overwritten, <c>[indices, size]</c>.</param>
    void Gather(DeviceTensor table, ReadOnlySpan<int> indices, DeviceTensor output);

    /// <summary>Adds rows to those of a table: the gradient of <see cref="Gather"/>.</summary>
    /// <param name="indices">Which rows.</param>
    /// <param name="outputGradient"><c>[indices, size]</c>.</param>
    /// <param name="tableGradient"><c>[count, size]</c>.</param>
    /// <param name="beta">The factor on <paramref name="tableGradient"/>.</param>
    void GatherBackward(ReadOnlySpan<int> indices, DeviceTensor outputGradient, DeviceTensor tableGradient, float beta = 1);

    /// <summary>Rotates pairs of numbers by angles that grow with the position; see <see cref="Rotary"/>.</summary>
    /// <param name="input"><c>[batch, heads, length, headSize]</c>.</param>
    /// <param name="rotation">The angles, and which numbers are pairs.</param>
    /// <param name="positions">The position of every row, <c>[batch, length]</c>; empty where they follow each other.</param>
    /// <param name="offset">The position of row 0 where they do.</param>
    /// <param name="inverse">Whether to rotate back, which is the gradient.</param>
    /// <param name="output">Overwritten, of the input's shape; may be the input.</param>
    void Rotate(DeviceTensor input, in Rotation rotation, ReadOnlySpan<int> positions, int offset, bool inverse, DeviceTensor output);

    /// <summary>Drops numbers, <c>output = input keep / (1 - probability) + beta output</c>; the same call on a gradient is its gradient.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="probability">In [0, 1].</param>
    /// <param name="seed">What is dropped depends on it and on the place of a number alone.</param>
    /// <param name="output">Of the input's shape.</param>
    /// <param name="beta">The factor on <paramref name="output"/>.</param>
    void Drop(DeviceTensor input, float probability, ulong seed, DeviceTensor output, float beta = 0);

    /// <summary>The negative log-likelihood of a class under softmax, row by row.</summary>
    /// <param name="logits"><c>[rows, classes]</c>.</param>
    /// <param name="targets">A class for each row, or -1 for a row that does not count.</param>
    /// <param name="labelSmoothing">The share of the target spread evenly over all classes.</param>
    /// <param name="losses">Overwritten, <c>[rows]</c>.</param>
    void CrossEntropy(DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor losses);

    /// <summary>The gradient of <see cref="CrossEntropy"/>.</summary>
    /// <param name="logits"><c>[rows, classes]</c>.</param>
    /// <param name="targets">The targets of the forward pass.</param>
    /// <param name="labelSmoothing">Its smoothing.</param>
    /// <param name="lossGradients"><c>[rows]</c>.</param>
    /// <param name="logitsGradient">Of the logits' shape.</param>
    /// <param name="beta">The factor on <paramref name="logitsGradient"/>.</param>
    void CrossEntropyBackward(
        DeviceTensor logits, ReadOnlySpan<int> targets, float labelSmoothing, DeviceTensor lossGradients, DeviceTensor logitsGradient, float beta = 0);

    /// <summary>One step of Adam or AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019); all four have one shape.</summary>
    /// <param name="parameter">Changed in place.</param>
    /// <param name="gradient">Its gradient.</param>
    /// <param name="firstMoment">Changed in place.</param>
    /// <param name="secondMoment">Changed in place.</param>
    /// <param name="step">Rates and the number of the step.</param>
    void AdamUpdate(DeviceTensor parameter, DeviceTensor gradient, DeviceTensor firstMoment, DeviceTensor secondMoment, in AdamStep step);
}
