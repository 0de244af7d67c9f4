using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Multi-head attention (Vaswani et al. 2017, section 3.2.2): projections to heads, scaled dot-product attention of each, and
/// a projection of the joined heads. Head h owns the columns <c>[h headSize, (h + 1) headSize)</c>.
/// </summary>
/// <remarks>
/// <para>
/// Parameters, as in PyTorch: <c>in_proj_weight [(heads + 2 keyValueHeads) headSize, modelSize]</c> (query, key and value one below
/// the other), or <c>q_proj_weight</c>, <c>k_proj_weight</c>, <c>v_proj_weight</c> where keys or values have another size;
/// <c>in_proj_bias</c>; <c>out_proj.weight</c>, <c>out_proj.bias</c>; and <c>q_norm.weight</c>, <c>k_norm.weight</c>,
/// <c>gate.weight</c>, <c>gate.bias</c>, <c>relative_key</c>, <c>relative_value [2 maxDistance + 1, headSize]</c>, or
/// <c>relative_proj.weight</c>, <c>content_bias</c>, <c>position_bias [heads, headSize]</c> where chosen. Weights start Glorot uniform with each projection's own fans (PyTorch takes those
/// of the packed matrix), biases at zero.
/// </para>
/// <para>A query that may attend to nothing gets the output projection's bias.</para>
/// </remarks>
public sealed partial class MultiHeadAttention : Layer
{
    private readonly MultiHeadAttentionOptions _options;
    private readonly int _keyValueHeads;
    private readonly int _headSize;
    private readonly Parameter? _packed;
    private readonly Parameter[] _separate = [];
    private readonly Parameter? _bias;
    private readonly Linear _output;
    private readonly RmsNorm? _queryNorm;
    private readonly RmsNorm? _keyNorm;
    private readonly Linear? _gate;

    /// <summary>Creates a layer with as many key heads as query heads.</summary>
    /// <param name="modelSize">Numbers of a position.</param>
    /// <param name="heads">Heads, a divisor of <paramref name="modelSize"/>.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive or does not divide.</exception>
    public MultiHeadAttention(int modelSize, int heads, IComputeBackend? backend = null)
        : this(Simple(modelSize, heads), backend)
    {
    }

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive or does not divide, the scale is not finite, or a probability is none.</exception>
    public MultiHeadAttention(MultiHeadAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        (_keyValueHeads, _headSize) = Check(options);
        int model = options.ModelSize;
        int query = options.Heads * _headSize;
        int keyValue = _keyValueHeads * _headSize;
        int keySize = options.KeySize ?? model;
        int valueSize = options.ValueSize ?? model;
        float[] queryWeight = Initial.Glorot(Initial.Seed(options.Seed, 0), query, model);
        float[] keyWeight = Initial.Glorot(Initial.Seed(options.Seed, 1), keyValue, keySize);
        float[] valueWeight = Initial.Glorot(Initial.Seed(options.Seed, 2), keyValue, valueSize);
        if (keySize == model && valueSize == model)
        {
            _packed = AddParameter("in_proj_weight", [.. queryWeight, .. keyWeight, .. valueWeight], query + 2 * keyValue, model);
        }
        else
        {
            _separate =
            [
                AddParameter("q_proj_weight", queryWeight, query, model),
                AddParameter("k_proj_weight", keyWeight, keyValue, keySize),
                AddParameter("v_proj_weight", valueWeight, keyValue, valueSize),
            ];
        }

        _bias = options.HasBias ? AddParameter("in_proj_bias", new float[query + 2 * keyValue], query + 2 * keyValue) : null;
        _output = AddLayer("out_proj", new Linear(query, model, options.HasOutputBias, Initial.Seed(options.Seed, 3), Backend));
        if (options.HasQueryKeyNorm)
        {
            _queryNorm = AddLayer("q_norm", new RmsNorm(_headSize, backend: Backend));
            _keyNorm = AddLayer("k_norm", new RmsNorm(_headSize, backend: Backend));
        }

        _gate = options.HasOutputGate ? AddLayer("gate", new Linear(model, query, true, Initial.Seed(options.Seed, 4), Backend)) : null;
        AddRelativePositions();
    }

    /// <summary>Self-attention: every position of <paramref name="input"/> attends to every one.</summary>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shape is another.</exception>
    public Variable Forward(Variable input) => Forward(input, default(NoMask));

    /// <summary>Self-attention to the positions that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <param name="mask">Which positions a position may attend to.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shape is another, or the mask does not fit.</exception>
    public Variable Forward<TMask>(Variable input, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        LayerInput.CheckSequences(input, nameof(input), "length", _options.ModelSize);
        return Forward(input, input, input, mask);
    }

    /// <summary>Attention of <paramref name="query"/> to <paramref name="key"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, modelSize]</c>.</param>
    /// <param name="key"><c>[batch, keyLength, keySize]</c>.</param>
    /// <param name="value"><c>[batch, keyLength, valueSize]</c>; often the same variable as <paramref name="key"/>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <returns><c>[batch, queryLength, modelSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the mask does not fit.</exception>
    public Variable Forward<TMask>(Variable query, Variable key, Variable value, in TMask mask)
        where TMask : struct, IAttentionMask => Forward(query, key, value, mask, default(NoModifier));

    /// <summary>Attention of <paramref name="query"/> to <paramref name="key"/> with changed scores.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, modelSize]</c>.</param>
    /// <param name="key"><c>[batch, keyLength, keySize]</c>.</param>
    /// <param name="value"><c>[batch, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="bias">Added to the scores, broadcast to <c>[batch, heads, queryLength, keyLength]</c>; null for none.</param>
    /// <param name="offset">The position of the first query and key for <see cref="MultiHeadAttentionOptions.Rotary"/>.</param>
    /// <returns><c>[batch, queryLength, modelSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another, or a policy does not fit.</exception>
    public Variable Forward<TMask, TModifier>(
        Variable query, Variable key, Variable value, in TMask mask, in TModifier modifier, Variable? bias = null, int offset = 0)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        CheckInputs(query, key, value);
        CheckRelative(modifier, bias);
        LayerInput.CheckBias(bias, nameof(bias), query.Data.Lengths[0], _options.Heads, query.Data.Lengths[1], key.Data.Lengths[1]);
        using HeadProjection heads = Project(query, key, value, offset);
        using Variable attended = Attend(heads, mask, modifier, bias);
        return Join(query, attended);
    }

    /// <summary>The weights that <see cref="Forward{TMask}(Variable, Variable, Variable, in TMask)"/> gives the values, without dropout; nothing is recorded.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, modelSize]</c>.</param>
    /// <param name="key"><c>[batch, keyLength, keySize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="heads">The heads wanted; none for all.</param>
    /// <returns><c>[batch, wanted heads, queryLength, keyLength]</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape is another, a head does not exist, or the mask does not fit.</exception>
    /// <exception cref="NotSupportedException">The layer has <see cref="RelativePositions"/>.</exception>
    public DeviceTensor Weights<TMask>(Variable query, Variable key, in TMask mask, params ReadOnlySpan<int> heads)
        where TMask : struct, IAttentionMask => Weights(query, key, mask, default(NoModifier), null, 0, heads);

    /// <summary>The weights of a call with changed scores, without dropout; nothing is recorded.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, modelSize]</c>.</param>
    /// <param name="key"><c>[batch, keyLength, keySize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="bias">Added to the scores, broadcast to <c>[batch, heads, queryLength, keyLength]</c>; null for none.</param>
    /// <param name="offset">The position of the first query and key for <see cref="MultiHeadAttentionOptions.Rotary"/>.</param>
    /// <param name="heads">The heads wanted; none for all.</param>
    /// <returns><c>[batch, wanted heads, queryLength, keyLength]</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape is another, a head does not exist, or a policy does not fit.</exception>
    /// <exception cref="NotSupportedException">The layer has <see cref="RelativePositions"/>.</exception>
    public DeviceTensor Weights<TMask, TModifier>(
        Variable query, Variable key, in TMask mask, in TModifier modifier, Variable? bias = null, int offset = 0, params ReadOnlySpan<int> heads)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        RequireNoRelativePositions("weights on request");
        CheckInputs(query, key, null);
        LayerInput.CheckBias(bias, nameof(bias), query.Data.Lengths[0], _options.Heads, query.Data.Lengths[1], key.Data.Lengths[1]);
        using Variable plainQuery = query.Detach();
        using Variable plainKey = key.Detach();
        using HeadProjection projected = Project(plainQuery, plainKey, null, offset);
        int count = heads.IsEmpty ? _options.Heads : heads.Length;
        DeviceTensor weights = DeviceTensor.Allocate(Backend, query.Data.Lengths[0], count, query.Data.Lengths[1], key.Data.Lengths[1]);
        var inputs = new AttentionTensors { Query = projected.Query.Data, Key = projected.Key.Data, Value = projected.Key.Data, Bias = bias?.Data };
        Backend.AttentionWeights(inputs, mask, modifier, heads, weights, new AttentionOptions { Scale = _options.Scale });
        return weights;
    }

    /// <summary>[batch, heads, length, headSize] to [batch, length, modelSize], through the gate if there is one.</summary>
    private Variable Join(Variable query, Variable attended)
    {
        using Variable rows = attended.Transpose(1, 2);
        using Variable joined = rows.Reshape(query.Data.Lengths[0], query.Data.Lengths[1], _options.Heads * _headSize);
        if (_gate is null)
        {
            return _output.Forward(joined);
        }

        using Variable gate = _gate.Forward(query);
        using Variable open = Differentiable.Activate(ActivationKind.Sigmoid, gate);
        using Variable gated = Differentiable.Multiply(open, joined);
        return _output.Forward(gated);
    }

    private HeadProjection Project(Variable query, Variable key, Variable? value, int offset, ReadOnlySpan<int> positions = default)
    {
        int queryWidth = _options.Heads * _headSize;
        int keyWidth = _keyValueHeads * _headSize;
        Variable[] parts;
        if (_packed is not null && ReferenceEquals(query, key) && ReferenceEquals(query, value))
        {
            // One product for all three; what follows looks at it in place.
            using Variable packed = Differentiable.Linear(query, _packed, _bias);
            parts = packed.Split(-1, queryWidth, keyWidth, keyWidth);
        }
        else if (_packed is not null && ReferenceEquals(key, value))
        {
            using Variable packed = ProjectRows(key, queryWidth, 2 * keyWidth);
            parts = [ProjectRows(query, 0, queryWidth), .. packed.Split(-1, keyWidth, keyWidth)];
        }
        else
        {
            parts =
            [
                Part(query, 0, 0, queryWidth),
                Part(key, 1, queryWidth, keyWidth),
                .. value is null ? Array.Empty<Variable>() : [Part(value, 2, queryWidth + keyWidth, keyWidth)],
            ];
        }

        Variable queries = Position(Heads(parts[0], _options.Heads), _queryNorm, offset, positions);
        Variable keys = Position(Heads(parts[1], _keyValueHeads), _keyNorm, offset, positions);
        return new HeadProjection(queries, keys, parts.Length == 2 ? keys : Heads(parts[2], _keyValueHeads));
    }

    private Variable Part(Variable input, int part, int start, int length)
    {
        if (_packed is not null)
        {
            return ProjectRows(input, start, length);
        }

        using Variable? bias = _bias?.Slice(0, start, length);
        return Differentiable.Linear(input, _separate[part], bias);
    }

    /// <summary>Projects with some rows of the packed matrix.</summary>
    private Variable ProjectRows(Variable input, int start, int length)
    {
        using Variable weight = _packed!.Slice(0, start, length);
        using Variable? bias = _bias?.Slice(0, start, length);
        return Differentiable.Linear(input, weight, bias);
    }

    /// <summary>[batch, length, heads headSize] seen as [batch, heads, length, headSize].</summary>
    private Variable Heads(Variable joined, int heads)
    {
        using (joined)
        {
            using Variable apart = joined.Reshape(joined.Data.Lengths[0], joined.Data.Lengths[1], heads, _headSize);
            return apart.Transpose(1, 2);
        }
    }

    private Variable Position(Variable heads, RmsNorm? norm, int offset, ReadOnlySpan<int> positions)
    {
        if (norm is not null)
        {
            using Variable raw = heads;
            heads = norm.Forward(raw);
        }

        if (_options.Rotary is { } rotation)
        {
            using Variable unturned = heads;
            heads = Differentiable.Rotate(unturned, rotation, offset, positions);
        }

        return heads;
    }

    private void CheckInputs(Variable query, Variable key, Variable? value)
    {
        LayerInput.CheckSequences(query, nameof(query), "queryLength", _options.ModelSize);
        LayerInput.CheckSequences(key, nameof(key), "keyLength", _options.KeySize ?? _options.ModelSize);
        LayerInput.CheckBatch(key, nameof(key), query, nameof(query));
        if (value is not null)
        {
            LayerInput.CheckSequences(value, nameof(value), "keyLength", _options.ValueSize ?? _options.ModelSize);
            if (!value.Data.Lengths[..2].SequenceEqual(key.Data.Lengths[..2]))
            {
                throw new ArgumentException(
                    $"'{nameof(value)}' has shape {Shapes.Text(value.Data.Lengths)}; '{nameof(key)}' has {Shapes.Text(key.Data.Lengths)}.", nameof(value));
            }
        }
    }

    private static MultiHeadAttentionOptions Simple(int modelSize, int heads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(modelSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        return modelSize % heads == 0
            ? new MultiHeadAttentionOptions { ModelSize = modelSize, Heads = heads }
            : throw new ArgumentException($"'{nameof(heads)}' is {heads}; expected a divisor of the model size, {modelSize}.", nameof(heads));
    }

    private static (int KeyValueHeads, int HeadSize) Check(MultiHeadAttentionOptions options)
    {
        int keyValueHeads = options.KeyValueHeads ?? options.Heads;
        if (options.ModelSize <= 0 || options.Heads <= 0 || keyValueHeads <= 0 || options.Heads % keyValueHeads != 0)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has a model size of {options.ModelSize}, {options.Heads} heads and {keyValueHeads} key heads; expected positive numbers, the heads a multiple of the key heads.",
                nameof(options));
        }

        if (options.HeadSize is null && options.ModelSize % options.Heads != 0)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has a model size of {options.ModelSize}, which {options.Heads} heads do not divide; give a head size.", nameof(options));
        }

        if (options.Scale is { } scale && !float.IsFinite(scale))
        {
            throw new ArgumentException($"'{nameof(options)}' has a scale of {scale}; expected a finite number.", nameof(options));
        }

        Initial.CheckProbability(options.Dropout, nameof(options));
        CheckRelative(options);
        int headSize = options.HeadSize ?? options.ModelSize / options.Heads;
        return headSize > 0 && options.KeySize is null or > 0 && options.ValueSize is null or > 0
            ? (keyValueHeads, headSize)
            : throw new ArgumentException($"'{nameof(options)}' has a size that is not positive.", nameof(options));
    }

    /// <summary>Query, key and value by head.</summary>
    private readonly record struct HeadProjection(Variable Query, Variable Key, Variable Value) : IDisposable
    {
        public void Dispose()
        {
            Query.Dispose();
            Key.Dispose();
            Value.Dispose();
        }
    }
}
