using System.Numerics.Tensors;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Attention that knows where it attended before (Chorowski et al. 2015), with its projections; see
/// <see cref="LocationAwareAttention"/>. With <see cref="LocationAwareAttentionOptions.Coverage"/> it is that of See et al. 2017.
/// </summary>
/// <remarks>
/// <para>
/// Parameters: <c>query.weight [hiddenSize, querySize]</c>, <c>key.weight [hiddenSize, sourceSize]</c>, <c>key.bias [hiddenSize]</c>,
/// <c>score_vector [hiddenSize]</c>, <c>projection [hiddenSize, filters]</c>, <c>filters [filters, width]</c> where there are filters,
/// and <c>score_bias [1]</c> where sigmoids normalise. All start normal with deviation 0.01, biases at zero: scores are small, and
/// alignments begin almost even.
/// </para>
/// <para>
/// A decoder calls <see cref="Step"/> once for each of its states, or <c>Forward</c> for many at once where they are known
/// (teacher forcing); both advance the same state and give the same numbers.
/// </para>
/// </remarks>
public sealed class LocationAwareAttentionLayer : Layer
{
    private const float Deviation = 0.01f;

    private readonly LocationAwareAttentionOptions _options;
    private readonly Linear _query;
    private readonly Linear _key;
    private readonly Parameter _scoreVector;
    private readonly Parameter _projection;
    private readonly Parameter? _filters;
    private readonly Parameter? _scoreBias;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or there is no such start.</exception>
    public LocationAwareAttentionLayer(LocationAwareAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.QuerySize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.SourceSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.HiddenSize);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Filters);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Width);
        Initial.CheckDefined(options.Start, nameof(options));
        _options = options;
        int hidden = options.HiddenSize;
        int features = Math.Max(1, options.Filters);
        _query = AddLayer("query", new Linear(options.QuerySize, hidden, hasBias: false, 0, Backend));
        _key = AddLayer("key", new Linear(options.SourceSize, hidden, hasBias: true, 0, Backend));
        Backend.Upload(First(0, hidden * options.QuerySize), _query.Weight.Data);
        Backend.Upload(First(1, hidden * options.SourceSize), _key.Weight.Data);
        _scoreVector = AddParameter("score_vector", First(2, hidden), hidden);
        _projection = AddParameter("projection", First(3, hidden * features), hidden, features);
        _filters = options.Filters == 0
            ? null
            : AddParameter("filters", First(4, options.Filters * options.Width), options.Filters, options.Width);
        _scoreBias = options.Attention.Normalizer == LocationNormalizer.Sigmoid ? AddParameter("score_bias", [0f], 1) : null;
    }

    /// <summary>Projects the keys of a batch of sources, once for all steps.</summary>
    /// <param name="source"><c>[batch, keyLength, sourceSize]</c>.</param>
    /// <param name="lengths">
    /// How many positions of each source are real, <c>[batch]</c>; null for all. It is copied. What lies beyond may be anything.
    /// </param>
    /// <param name="initialAlignment">What is before the first step, <c>[batch, keyLength]</c>; null for the start of the options.</param>
    /// <returns>The state, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape is another, or a length lies outside of [0, keyLength].</exception>
    public LocationAwareState Start(Variable source, int[]? lengths = null, Variable? initialAlignment = null)
    {
        LayerInput.CheckSequences(source, nameof(source), "keyLength", _options.SourceSize);
        (int batch, int keys) = ((int)source.Data.Lengths[0], (int)source.Data.Lengths[1]);
        int[]? real = LayerInput.CheckLengths(lengths, source);
        KeyLengthMask mask = real is null ? new KeyLengthMask(keys) : new KeyLengthMask(real);
        if (initialAlignment is not null && !initialAlignment.Data.Lengths.SequenceEqual([batch, keys]))
        {
            throw new ArgumentException(
                $"'{nameof(initialAlignment)}' has shape {Shapes.Text(initialAlignment.Data.Lengths)}; expected [{batch}, {keys}].",
                nameof(initialAlignment));
        }

        Variable location = initialAlignment?.Reshape(batch, keys)
            ?? Variable.Constant(DeviceTensor.Create(Backend, FirstLocation(mask, batch, keys), batch, keys));

        // The gradient of the key's matrix sums over all rows, and would meet what stands in the padding.
        using Variable? cleared = real is null ? null : Differentiable.ClearPadding(source, real);
        return new LocationAwareState(_key.Forward(cleared ?? source), source.Reshape(source.Data.Lengths), location, mask);
    }

    /// <summary>Computes many steps at once and advances the state behind the last.</summary>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="state">The state of the sources.</param>
    /// <returns>
    /// The contexts, <c>[batch, queryLength, sourceSize]</c>, and the alignments, <c>[batch, queryLength, keyLength]</c>; the caller
    /// disposes both.
    /// </returns>
    /// <exception cref="ArgumentException">A shape is another, or the options do not fit each other; the state has not changed.</exception>
    public (Variable Context, Variable Alignments) Forward(Variable query, LocationAwareState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return Forward(query, state, state.Mask);
    }

    /// <summary>The same with any mask, instead of the lengths of the sources.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="state">The state of the sources.</param>
    /// <param name="mask">Which positions a query may attend to; queries count from 0 in each call.</param>
    /// <returns>As without a mask.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the options or the mask do not fit; the state has not changed.</exception>
    public (Variable Context, Variable Alignments) Forward<TMask>(Variable query, LocationAwareState state, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(state);
        LayerInput.CheckSequences(query, nameof(query), "queryLength", _options.QuerySize);
        LayerInput.CheckBatch(query, nameof(query), state.Keys, nameof(state));
        using Variable projected = _query.Forward(query);
        (Variable context, Variable alignments) = Differentiable.LocationAwareAttention(
            projected, state.Keys, state.Values, _scoreVector, _projection, mask, _filters, _scoreBias, state.Location, _options.Attention);
        state.Advance(alignments, _options.Attention.Source == LocationSource.AccumulatedAlignments);
        return (context, alignments);
    }

    /// <summary>Computes one step; its alignment is in the state afterwards.</summary>
    /// <param name="query"><c>[batch, querySize]</c>.</param>
    /// <param name="state">The state of the sources.</param>
    /// <returns>The context, <c>[batch, sourceSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the options do not fit each other; the state has not changed.</exception>
    public Variable Step(Variable query, LocationAwareState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        LayerInput.CheckRows(query, nameof(query), _options.QuerySize);
        if (query.Data.Rank != 2)
        {
            throw new ArgumentException(
                $"'{nameof(query)}' has shape {Shapes.Text(query.Data.Lengths)}; expected [batch, {_options.QuerySize}].", nameof(query));
        }

        using Variable one = query.Reshape(query.Data.Lengths[0], 1, _options.QuerySize);
        (Variable context, Variable alignments) = Forward(one, state);
        alignments.Dispose();
        using (context)
        {
            return context.Reshape(query.Data.Lengths[0], _options.SourceSize);
        }
    }

    private float[] FirstLocation(in KeyLengthMask mask, int batch, int keys)
    {
        float[] location = new float[batch * keys];
        TensorSpan<float> rows = new(location, [batch, keys]);
        switch (_options.Start)
        {
            case LocationStart.FirstKey:
                LocationAwareAttention.StartAtFirstKey(rows);
                break;
            case LocationStart.Uniform:
                LocationAwareAttention.StartUniformly(mask, rows);
                break;
        }

        return location;
    }

    private float[] First(int part, int count) => Initial.Normal(Initial.Seed(_options.Seed, part), count, Deviation);
}
