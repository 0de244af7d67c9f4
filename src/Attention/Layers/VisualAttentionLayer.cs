using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Operators;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Attention of a caption's decoder to the regions of an image (Xu et al. 2015, "Show, Attend and Tell"), soft or hard:
/// <c>e_ti = score . tanh(annotation a_i + state h_(t-1) + bias)</c>, <c>a_t = softmax(e_t)</c>, <c>context_t = beta_t sum_i a_ti a_i</c> or, hard,
/// <c>beta_t a_s</c> of a chosen region s, with <c>beta_t = sigmoid(gate . h_(t-1) + b)</c>.
/// </summary>
/// <remarks>
/// <para>
/// Parameters: <c>annotation.weight [hiddenSize, annotationSize]</c>, <c>annotation.bias [hiddenSize]</c>, <c>state.weight [hiddenSize, stateSize]</c>,
/// <c>score [hiddenSize]</c>; <c>gate.weight [1, stateSize]</c>, <c>gate.bias [1]</c> where chosen; <c>initial_hidden.weight</c> and <c>initial_cell.weight
/// [stateSize, annotationSize]</c> with <c>.bias [stateSize]</c>. Weights start Glorot uniform, biases at zero. The scalar that the paper adds to
/// all scores changes no weight and is left out.
/// </para>
/// <para>
/// States are those before the step: h_(t-1) decides both where step t looks and its gate. A decoder gives one state at a time; all of them at
/// once (teacher forcing, where states do not depend on contexts) give the same numbers. Masks see head 0, the step as the query and the
/// region as the key. No memory of steps x regions x hiddenSize is used.
/// </para>
/// </remarks>
public sealed class VisualAttentionLayer : Layer
{
    private readonly VisualAttentionOptions _options;
    private readonly Linear _annotation;
    private readonly Linear _state;
    private readonly Parameter _score;
    private readonly Linear? _gate;
    private readonly Linear _initialHidden;
    private readonly Linear _initialCell;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive.</exception>
    public VisualAttentionLayer(VisualAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.AnnotationSize <= 0 || options.StateSize <= 0 || options.HiddenSize <= 0)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has sizes {options.AnnotationSize}, {options.StateSize} and {options.HiddenSize}; expected positive numbers.", nameof(options));
        }

        _options = options;
        _annotation = AddLayer("annotation", new Linear(options.AnnotationSize, options.HiddenSize, true, Initial.Seed(options.Seed, 0), Backend));
        _state = AddLayer("state", new Linear(options.StateSize, options.HiddenSize, false, Initial.Seed(options.Seed, 1), Backend));
        _score = AddParameter("score", Initial.Glorot(Initial.Seed(options.Seed, 2), 1, options.HiddenSize), options.HiddenSize);
        _gate = options.HasGate ? AddLayer("gate", new Linear(options.StateSize, 1, true, Initial.Seed(options.Seed, 3), Backend)) : null;
        _initialHidden = AddLayer("initial_hidden", new Linear(options.AnnotationSize, options.StateSize, true, Initial.Seed(options.Seed, 4), Backend));
        _initialCell = AddLayer("initial_cell", new Linear(options.AnnotationSize, options.StateSize, true, Initial.Seed(options.Seed, 5), Backend));
    }

    /// <summary>Projects the annotations, once for all steps.</summary>
    /// <param name="annotations"><c>[batch, regions, annotationSize]</c>.</param>
    /// <param name="lengths">
    /// How many regions of each image are real, <c>[batch]</c>; null for all. It is copied; nobody looks at what lies beyond, which
    /// may be anything. (Regions that only a mask hides must be numbers: the gradient of the annotations' weight sums over all of them.)
    /// </param>
    /// <returns>What the other methods read; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shape is another, or a length is not in [0, regions].</exception>
    public VisualMemory Prepare(Variable annotations, int[]? lengths = null)
    {
        LayerInput.CheckSequences(annotations, nameof(annotations), "regions", _options.AnnotationSize);
        int[]? real = LayerInput.CheckLengths(lengths, annotations);
        using Variable? cleared = real is null ? null : Differentiable.ClearPadding(annotations, real);
        Variable regions = cleared ?? annotations;
        using Variable keys = _annotation.Forward(regions);
        var mask = real is null ? new KeyLengthMask((int)annotations.Data.Lengths[1]) : new KeyLengthMask(real);
        return new VisualMemory(OneHead(regions), OneHead(keys), mask);
    }

    /// <summary>The first states of an LSTM, <c>tanh(weight mean + bias)</c>, from the mean of the annotations that the mask allows.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="memory">The annotations.</param>
    /// <param name="mask">Which regions count, asked for query 0; an image without any has a mean of 0.</param>
    /// <returns>Two states <c>[batch, stateSize]</c>; a GRU takes the first.</returns>
    /// <exception cref="ArgumentException">The mask does not fit, or the memory is another layer's.</exception>
    public (Variable Hidden, Variable Cell) InitialStates<TMask>(VisualMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        CheckMemory(memory);
        ReadOnlySpan<nint> lengths = memory.Annotations.Data.Lengths;

        // The softmax of equal scores is the mean over what the mask allows, and never looks at the rest.
        using Variable equal = Variable.Constant(DeviceTensor.Zeros(Backend, lengths[0], 1, 1, lengths[2]));
        using Variable mean = Differentiable.SoftAttention(equal, memory.Annotations, memory.Real.And(mask));
        using Variable rows = mean.Reshape(lengths[0], lengths[3]);
        return (Squash(_initialHidden, rows), Squash(_initialCell, rows));
    }

    /// <summary>Soft attention.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="state">The states before the steps, <c>[batch, steps, stateSize]</c>.</param>
    /// <param name="memory">The annotations.</param>
    /// <param name="mask">Which regions a step may look at; a step that may look at none has a context of 0.</param>
    /// <returns>The contexts, <c>[batch, steps, annotationSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the mask does not fit.</exception>
    public Variable Forward<TMask>(Variable state, VisualMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable scores = Scores(state, memory);
        using Variable context = Differentiable.SoftAttention(scores, memory.Annotations, memory.Real.And(mask));
        return Gated(context, state);
    }

    /// <summary>Soft attention with its weights, for the doubly stochastic penalty or to be shown.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="state">The states before the steps, <c>[batch, steps, stateSize]</c>.</param>
    /// <param name="memory">The annotations.</param>
    /// <param name="mask">Which regions a step may look at; a step that may look at none has a context and weights of 0.</param>
    /// <returns>Contexts and weights; see <see cref="Differentiable.DoublyStochasticPenalty"/>.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the mask does not fit.</exception>
    public VisualContext ForwardWithWeights<TMask>(Variable state, VisualMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable scores = Scores(state, memory);
        var real = memory.Real.And(mask);
        using Variable context = Differentiable.SoftAttention(scores, memory.Annotations, real);
        return new VisualContext(Gated(context, state), Differentiable.NormalizeScores(scores, real, default(SoftmaxNormalizer)), null);
    }

    /// <summary>Hard attention: every step looks at one region.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="state">The states before the steps, <c>[batch, steps, stateSize]</c>.</param>
    /// <param name="memory">The annotations.</param>
    /// <param name="mask">Which regions a step may look at; each must have one.</param>
    /// <param name="choice">
    /// How: sampled for training, largest for inference. A draw depends on the number of the step within the call, so a decoder that gives one state at a time
    /// needs another seed for each.
    /// </param>
    /// <param name="choices">The regions, <c>[batch, steps]</c> row-major, with <see cref="KeyChoice.Given"/>; empty otherwise.</param>
    /// <returns>Contexts and choices; see <see cref="Differentiable.ReinforceLoss"/>.</returns>
    /// <exception cref="ArgumentException">A shape is another, the mask does not fit, or a step may look at no region.</exception>
    public VisualContext Choose<TMask>(Variable state, VisualMemory memory, in TMask mask, KeyChoice choice, ReadOnlySpan<int> choices = default)
        where TMask : struct, IAttentionMask
    {
        using Variable scores = Scores(state, memory);
        HardAttentionResult result = Differentiable.HardAttention(scores, memory.Annotations, memory.Real.And(mask), choice, choices);
        return new VisualContext(Gated(result.Output, state), null, result);
    }

    /// <summary>
    /// The scores of every region for every step, such as for <see cref="Differentiable.GumbelSoftmax"/>; whoever takes them hides the regions
    /// that are not real.
    /// </summary>
    /// <param name="state">The states before the steps, <c>[batch, steps, stateSize]</c>.</param>
    /// <param name="memory">The annotations.</param>
    /// <returns><c>[batch, 1, steps, regions]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the memory is another layer's.</exception>
    public Variable Scores(Variable state, VisualMemory memory)
    {
        CheckMemory(memory);
        LayerInput.CheckSequences(state, nameof(state), "steps", _options.StateSize);
        LayerInput.CheckBatch(state, nameof(state), memory.Keys, nameof(memory));
        using Variable projected = _state.Forward(state);
        using Variable query = OneHead(projected);
        return Differentiable.AdditiveScores(query, memory.Keys, _score);
    }

    /// <summary>Contexts times the gate of their states.</summary>
    /// <param name="context"><c>[batch, 1, steps, annotationSize]</c>.</param>
    /// <param name="state">The states before the steps, <c>[batch, steps, stateSize]</c>.</param>
    /// <returns><c>[batch, steps, annotationSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another.</exception>
    public Variable Gated(Variable context, Variable state)
    {
        ArgumentNullException.ThrowIfNull(context);
        LayerInput.CheckSequences(state, nameof(state), "steps", _options.StateSize);
        ReadOnlySpan<nint> lengths = context.Data.Lengths;
        ReadOnlySpan<nint> expected = [state.Data.Lengths[0], 1, state.Data.Lengths[1], _options.AnnotationSize];
        if (!lengths.SequenceEqual(expected))
        {
            throw new ArgumentException(
                $"'{nameof(context)}' has shape {Shapes.Text(lengths)}; expected {Shapes.Text(expected)} ([batch, 1, steps, annotationSize]).",
                nameof(context));
        }

        using Variable turned = context.Transpose(1, 2);
        Variable rows = turned.Reshape(lengths[0], lengths[2], lengths[3]);
        if (_gate is null)
        {
            return rows;
        }

        using Variable ungated = rows;
        using Variable logit = _gate.Forward(state);
        using Variable open = Differentiable.Activate(ActivationKind.Sigmoid, logit);
        return Differentiable.Multiply(open, ungated);
    }

    private void CheckMemory(VisualMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (memory.Annotations.Data.Lengths[3] != _options.AnnotationSize || memory.Keys.Data.Lengths[3] != _options.HiddenSize)
        {
            throw new ArgumentException($"'{nameof(memory)}' was prepared by another layer.", nameof(memory));
        }
    }

    private static Variable Squash(Linear layer, Variable rows)
    {
        using Variable linear = layer.Forward(rows);
        return Differentiable.Activate(ActivationKind.Tanh, linear);
    }

    /// <summary>[batch, length, size] seen as [batch, 1, length, size].</summary>
    private static Variable OneHead(Variable rows) =>
        rows.Reshape(rows.Data.Lengths[0], 1, rows.Data.Lengths[1], rows.Data.Lengths[2]);
}
