using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// The attention of Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation": a target state h_t
/// gets the context c_t, a weighted sum of source states, and from both the attentional vector <c>tanh(W_c [c_t; h_t])</c>
/// (equation 5), always through the hyperbolic tangent.
/// </summary>
/// <remarks>
/// <para>
/// Parameters: <c>combine.weight [outputSize, memorySize + querySize]</c> (W_c); <c>attention.weight</c> (W_a), which is
/// <c>[memorySize, querySize]</c> for <see cref="LuongScore.General"/> with the score <c>h_s . (weight h_t)</c>,
/// <c>[scoreSize, querySize + memorySize]</c> for <see cref="LuongScore.Concat"/> with <c>attention.score [scoreSize]</c> (v_a), and
/// <c>[maxLength, querySize]</c> for <see cref="LuongScore.Location"/>; for <see cref="LuongAlignment.LocalPredictive"/>
/// <c>position.weight [positionSize, querySize]</c> (W_p) and <c>position.score [positionSize]</c> (v_p). There are no biases, and scores
/// are not scaled. Weights start uniform in [-0.1, 0.1] unless
/// <see cref="LuongAttentionOptions.InitialRange"/> is another.
/// </para>
/// <para>
/// All target steps of a teacher-forced sentence can be computed at once, or one by one as a decoder goes; the numbers are the
/// same. A step that may attend to nothing has the context 0. States beyond the end of a sentence may be anything, and so may those that a
/// mask hides from every step, but with <see cref="LuongScore.Concat"/>, where the gradient of W_a sums over all states within the lengths.
/// </para>
/// </remarks>
public sealed partial class LuongAttentionLayer : Layer
{
    private readonly LuongAttentionOptions _options;
    private readonly Parameter? _attentionWeight;
    private readonly Parameter? _attentionScore;
    private readonly Parameter? _positionWeight;
    private readonly Parameter? _positionScore;
    private readonly Parameter _combineWeight;
    private readonly int _outputSize;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive, a kind is none, or score and alignment do not go together.</exception>
    public LuongAttentionLayer(LuongAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        _options = options;
        _outputSize = options.OutputSize ?? options.QuerySize;
        int scoreSize = options.ScoreSize ?? options.QuerySize;
        _attentionWeight = options.Score switch
        {
            LuongScore.General => Add("attention.weight", 0, options.MemorySize, options.QuerySize),
            LuongScore.Concat => Add("attention.weight", 0, scoreSize, options.QuerySize + options.MemorySize),
            LuongScore.Location => Add("attention.weight", 0, options.MaxLength!.Value, options.QuerySize),
            _ => null,
        };
        _attentionScore = options.Score == LuongScore.Concat ? Add("attention.score", 1, scoreSize) : null;
        if (options.Alignment == LuongAlignment.LocalPredictive)
        {
            int positionSize = options.PositionSize ?? options.QuerySize;
            _positionWeight = Add("position.weight", 2, positionSize, options.QuerySize);
            _positionScore = Add("position.score", 3, positionSize);
        }

        _combineWeight = Add("combine.weight", 4, _outputSize, options.MemorySize + options.QuerySize);
    }

    /// <summary>Computes what depends on the source states alone.</summary>
    /// <param name="states">The source states, <c>[batch, length, memorySize]</c>.</param>
    /// <param name="lengths">How many states of each sentence are real, <c>[batch]</c>; null for all. What lies beyond may be anything.</param>
    /// <returns>What every step needs, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The shape is another, or a length is not in [0, length].</exception>
    public LuongMemory Prepare(Variable states, int[]? lengths = null)
    {
        LayerInput.CheckSequences(states, nameof(states), "length", _options.MemorySize);
        (nint batch, nint length) = (states.Data.Lengths[0], states.Data.Lengths[1]);
        int[] real = CheckLengths(lengths, batch, length);
        Variable values = states.Reshape(batch, 1, length, _options.MemorySize);
        return new LuongMemory(values, _options.Score == LuongScore.Concat ? ProjectKeys(states, real) : null, real);
    }

    /// <summary>The attentional vectors of several target steps at once.</summary>
    /// <param name="queries">The target states, <c>[batch, steps, querySize]</c>.</param>
    /// <param name="memory">The source.</param>
    /// <param name="firstStep">The number of the first step, from 0; matters to <see cref="LuongAlignment.LocalMonotonic"/>.</param>
    /// <returns><c>[batch, steps, outputSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shape is another, or there are not as many sentences as in the memory.</exception>
    public Variable Forward(Variable queries, LuongMemory memory, int firstStep = 0) => Forward(queries, memory, default(NoMask), firstStep);

    /// <summary>The attentional vectors of several target steps at once, over the source states that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="queries">The target states, <c>[batch, steps, querySize]</c>.</param>
    /// <param name="memory">The source.</param>
    /// <param name="mask">
    /// Which states a step may attend to besides the lengths; the first of <paramref name="queries"/> is its query 0. Where the score is
    /// <see cref="LuongScore.Location"/> it hides before the softmax, and is not asked about places that hold no state.
    /// </param>
    /// <param name="firstStep">The number of the first step, from 0; matters to <see cref="LuongAlignment.LocalMonotonic"/>.</param>
    /// <returns><c>[batch, steps, outputSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shape is another, the mask does not fit, or there are not as many sentences as in the memory.</exception>
    public Variable Forward<TMask>(Variable queries, LuongMemory memory, in TMask mask, int firstStep = 0)
        where TMask : struct, IAttentionMask
    {
        CheckInputs(queries, memory, firstStep);
        using Variable context = Context(queries, memory, mask, firstStep);
        using Variable rows = context.Transpose(1, 2);
        using Variable flat = rows.Reshape(queries.Data.Lengths[0], queries.Data.Lengths[1], _options.MemorySize);
        using Variable both = Differentiable.Concatenate(-1, flat, queries);
        using Variable combined = Differentiable.Linear(both, _combineWeight);
        return Differentiable.Activate(ActivationKind.Tanh, combined);
    }

    /// <summary>The attentional vector of one target step.</summary>
    /// <param name="query">The target state, <c>[batch, querySize]</c>.</param>
    /// <param name="memory">The source.</param>
    /// <param name="step">The number of the step, from 0; matters to <see cref="LuongAlignment.LocalMonotonic"/>.</param>
    /// <returns><c>[batch, outputSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shape is another, or there are not as many sentences as in the memory.</exception>
    public Variable Step(Variable query, LuongMemory memory, int step = 0) => Step(query, memory, default(NoMask), step);

    /// <summary>The attentional vector of one target step, over the source states that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query">The target state, <c>[batch, querySize]</c>.</param>
    /// <param name="memory">The source.</param>
    /// <param name="mask">Which states the step may attend to besides the lengths; whatever its number, the step is query 0 of the mask.</param>
    /// <param name="step">The number of the step, from 0; matters to <see cref="LuongAlignment.LocalMonotonic"/>.</param>
    /// <returns><c>[batch, outputSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shape is another, the mask does not fit, or there are not as many sentences as in the memory.</exception>
    public Variable Step<TMask>(Variable query, LuongMemory memory, in TMask mask, int step = 0)
        where TMask : struct, IAttentionMask
    {
        CheckState(query, nameof(query), _options.QuerySize);
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        using Variable queries = query.Reshape(query.Data.Lengths[0], 1, _options.QuerySize);
        using Variable output = Forward(queries, memory, mask, step);
        return output.Reshape(query.Data.Lengths[0], _outputSize);
    }

    /// <summary>Input feeding (section 3.3): the next step's input together with the attentional vector of the step before.</summary>
    /// <param name="input">The input of the decoder, <c>[batch, inputSize]</c>.</param>
    /// <param name="previous">What <see cref="Step(Variable, LuongMemory, int)"/> gave before, <c>[batch, outputSize]</c>; null for zeros at the first step.</param>
    /// <returns><c>[batch, inputSize + outputSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another.</exception>
    public Variable FeedInput(Variable input, Variable? previous)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Data.Rank != 2)
        {
            throw new ArgumentException(
                $"'{nameof(input)}' has shape {Shapes.Text(input.Data.Lengths)}; expected [batch, inputSize].", nameof(input));
        }

        if (previous is null)
        {
            using Variable zeros = Variable.Constant(DeviceTensor.Zeros(Backend, input.Data.Lengths[0], _outputSize));
            return Differentiable.Concatenate(-1, input, zeros);
        }

        CheckState(previous, nameof(previous), _outputSize);
        LayerInput.CheckBatch(previous, nameof(previous), input, nameof(input));
        return Differentiable.Concatenate(-1, input, previous);
    }

    /// <summary>The places that <see cref="LuongAlignment.LocalPredictive"/> looks at: <c>length sigmoid(v_p^T tanh(W_p h_t))</c> (equation 9).</summary>
    /// <param name="queries">The target states, <c>[batch, steps, querySize]</c>.</param>
    /// <param name="memory">The source.</param>
    /// <returns><c>[batch, steps]</c>, between 0 and each sentence's length.</returns>
    /// <exception cref="InvalidOperationException">The layer predicts no positions.</exception>
    /// <exception cref="ArgumentException">The shape is another, or there are not as many sentences as in the memory.</exception>
    public Variable PredictPositions(Variable queries, LuongMemory memory)
    {
        if (_positionWeight is null)
        {
            throw new InvalidOperationException($"A layer with the alignment {_options.Alignment} predicts no positions.");
        }

        CheckInputs(queries, memory, 0);
        (nint batch, nint steps) = (queries.Data.Lengths[0], queries.Data.Lengths[1]);
        using Variable hidden = Differentiable.Linear(queries, _positionWeight);
        using Variable bent = Differentiable.Activate(ActivationKind.Tanh, hidden);
        using Variable row = _positionScore!.Reshape(1, _positionScore.Data.Lengths[0]);
        using Variable score = Differentiable.Linear(bent, row);
        using Variable flat = score.Reshape(batch, steps);
        using Variable share = Differentiable.Activate(ActivationKind.Sigmoid, flat);
        float[] lengths = Array.ConvertAll(memory.Lengths, length => (float)length);
        using Variable scale = Variable.Constant(DeviceTensor.Create(Backend, lengths, batch, 1));
        return Differentiable.Multiply(share, scale);
    }

    private Parameter Add(string name, int part, params ReadOnlySpan<nint> lengths)
    {
        float[] values = new float[Shapes.Count(lengths)];
        Initialization.Uniform(
            values, new Numerics.PhiloxRandom(Initial.Seed(_options.Seed, part)), -_options.InitialRange, _options.InitialRange);
        return AddParameter(name, values, lengths);
    }
}
