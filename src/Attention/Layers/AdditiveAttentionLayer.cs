using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Additive attention with its projections (Bahdanau et al. 2015, appendix A.1.2): <c>score = v . tanh(W query + U key + b)</c>,
/// <c>context = sum softmax(score) value</c>; see <see cref="Mechanisms.AdditiveAttention"/>.
/// </summary>
/// <remarks>
/// <para>
/// Parameters: <c>query.weight [hiddenSize, querySize]</c> (W), <c>key.weight [hiddenSize, keySize]</c> (U), <c>bias [hiddenSize]</c>
/// where chosen (b), <c>score [hiddenSize]</c> (v) and, normalised, <c>scale [1]</c> (g), which makes the score vector
/// <c>g v / ||v||</c>. Weights and score begin Glorot uniform, the bias at zero, the scale at <c>1 / sqrt(hiddenSize)</c>; see also
/// <see cref="AdditiveAttentionOptions.BeginsAsInPaper"/>.
/// </para>
/// <para>
/// A decoder calls <see cref="Prepare"/> once and then asks, one query at a time or with all queries at once: the numbers are
/// the same. The query of the paper is the state before the step. A query that may attend to nothing gets zeros.
/// </para>
/// </remarks>
public sealed class AdditiveAttentionLayer : Layer
{
    private readonly AdditiveAttentionOptions _options;
    private readonly Linear _query;
    private readonly Linear _key;
    private readonly Parameter? _scale;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive, or the dropout is no probability.</exception>
    public AdditiveAttentionLayer(AdditiveAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        _options = options;
        int hidden = options.HiddenSize;
        _query = AddLayer("query", new Linear(options.QuerySize, hidden, hasBias: false, Initial.Seed(options.Seed, 0), Backend));
        _key = AddLayer("key", new Linear(options.KeySize, hidden, hasBias: false, Initial.Seed(options.Seed, 1), Backend));
        Bias = options.HasBias ? AddParameter("bias", new float[hidden], hidden) : null;
        bool isZero = options.BeginsAsInPaper && !options.IsNormalized;
        Score = AddParameter("score", isZero ? new float[hidden] : Initial.Glorot(Initial.Seed(options.Seed, 2), 1, hidden), hidden);
        _scale = options.IsNormalized ? AddParameter("scale", [1 / MathF.Sqrt(hidden)], 1) : null;
        if (options.BeginsAsInPaper)
        {
            BeginAsInPaper(_query.Weight, Initial.Seed(options.Seed, 3));
            BeginAsInPaper(_key.Weight, Initial.Seed(options.Seed, 4));
        }
    }

    /// <summary><c>[hiddenSize, querySize]</c>.</summary>
    public Parameter QueryWeight => _query.Weight;

    /// <summary><c>[hiddenSize, keySize]</c>.</summary>
    public Parameter KeyWeight => _key.Weight;

    /// <summary><c>[hiddenSize]</c>, or null.</summary>
    public Parameter? Bias { get; }

    /// <summary><c>[hiddenSize]</c>.</summary>
    public Parameter Score { get; }

    /// <summary><c>[1]</c>, or null where the score vector is not normalised.</summary>
    public Parameter? Scale => _scale;

    /// <summary>Projects keys, once for all queries that will look at them.</summary>
    /// <param name="keys"><c>[batch, keyLength, keySize]</c>.</param>
    /// <param name="values"><c>[batch, keyLength, valueSize]</c>, of any value size; null where the keys are the values too.</param>
    /// <param name="lengths">
    /// How many keys of each sequence are real, <c>[batch]</c>; null for all. It is copied; queries attend to no others. What lies
    /// beyond may be anything. (Where only a mask hides keys they must be numbers: the gradient of the keys' matrix sums over all of them.)
    /// </param>
    /// <returns>What the queries attend to, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape is another, or a length lies outside of [0, keyLength].</exception>
    public AdditiveMemory Prepare(Variable keys, Variable? values = null, int[]? lengths = null)
    {
        LayerInput.CheckSequences(keys, nameof(keys), "keyLength", _options.KeySize);
        values ??= keys;
        if (values.Data.Rank != 3 || values.Data.Lengths[0] != keys.Data.Lengths[0] || values.Data.Lengths[1] != keys.Data.Lengths[1])
        {
            throw new ArgumentException(
                $"'{nameof(values)}' has shape {Shapes.Text(values.Data.Lengths)}; expected [{keys.Data.Lengths[0]}, {keys.Data.Lengths[1]}, valueSize] ([batch, keyLength, valueSize]).",
                nameof(values));
        }

        int[]? real = LayerInput.CheckLengths(lengths, keys);
        using Variable? cleared = real is null ? null : Differentiable.ClearPadding(keys, real);
        using Variable projected = _key.Forward(cleared ?? keys);
        var mask = real is null ? new KeyLengthMask((int)keys.Data.Lengths[1]) : new KeyLengthMask(real);
        return new AdditiveMemory(this, AsHead(projected), AsHead(values), mask);
    }

    /// <summary>Attends from queries, one or many, to all that was prepared.</summary>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory">What <see cref="Prepare"/> of this layer gave.</param>
    /// <returns>The contexts, <c>[batch, queryLength, valueSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the memory is another layer's.</exception>
    public Variable Forward(Variable query, AdditiveMemory memory) => Forward(query, memory, default(NoMask));

    /// <summary>Attends from queries, one or many, to what was prepared.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory">What <see cref="Prepare"/> of this layer gave.</param>
    /// <param name="mask">Which keys a query may attend to besides the lengths; <see cref="NoMask"/> for all.</param>
    /// <returns>The contexts, <c>[batch, queryLength, valueSize]</c>.</returns>
    /// <exception cref="ArgumentException">A shape is another, the memory is another layer's, or the mask does not fit.</exception>
    public Variable Forward<TMask>(Variable query, AdditiveMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        CheckInputs(query, memory);
        using Variable projected = Project(query);
        using Variable? normalized = Normalized(Tape.Of(query, memory.Key, memory.Value));
        using Variable attended = Differentiable.AdditiveAttention(
            projected, memory.Key, normalized ?? Score, memory.Value, memory.Mask.And(mask),
            new AttentionOptions { Dropout = _options.Dropout });
        return attended.Reshape(query.Data.Lengths[0], query.Data.Lengths[1], memory.ValueSize);
    }

    /// <summary>The weights that <c>Forward</c> gives all that was prepared, without dropout; nothing is recorded.</summary>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory">What <see cref="Prepare"/> of this layer gave.</param>
    /// <returns><c>[batch, queryLength, keyLength]</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape is another, or the memory is another layer's.</exception>
    public DeviceTensor Weights(Variable query, AdditiveMemory memory) => Weights(query, memory, default(NoMask));

    /// <summary>The weights that <c>Forward</c> gives the values, without dropout; nothing is recorded.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory">What <see cref="Prepare"/> of this layer gave.</param>
    /// <param name="mask">Which keys a query may attend to besides the lengths.</param>
    /// <returns><c>[batch, queryLength, keyLength]</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape is another, the memory is another layer's, or the mask does not fit.</exception>
    public DeviceTensor Weights<TMask>(Variable query, AdditiveMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        CheckInputs(query, memory);
        using Variable plain = query.Detach();
        using Variable projected = Project(plain);
        using Variable? normalized = Normalized(null);
        nint length = query.Data.Lengths[1];
        using DeviceTensor weights = DeviceTensor.Allocate(Backend, memory.Batch, 1, length, memory.KeyLength);
        Backend.Run(new AdditiveAttentionWeights<AndMask<KeyLengthMask, TMask>>
        {
            Query = projected.Data,
            Key = memory.Key.Data,
            ScoreVector = (normalized ?? Score).Data,
            Mask = memory.Mask.And(mask),
            Destination = weights,
        });
        return weights.Reshape(memory.Batch, length, memory.KeyLength);
    }

    private static void Check(AdditiveAttentionOptions options)
    {
        foreach ((string name, int size) in (ReadOnlySpan<(string, int)>)
            [(nameof(options.QuerySize), options.QuerySize), (nameof(options.KeySize), options.KeySize), (nameof(options.HiddenSize), options.HiddenSize)])
        {
            if (size <= 0)
            {
                throw new ArgumentException($"'{name}' is {size}; expected a positive number.", nameof(options));
            }
        }

        Initial.CheckProbability(options.Dropout, nameof(options));
    }

    private static void BeginAsInPaper(Parameter weight, ulong seed) =>
        weight.Data.Backend.Upload(Initial.Normal(seed, (int)weight.Data.Count, 0.001f), weight.Data);

    /// <summary>[batch, length, size] as the one head of attention.</summary>
    private static Variable AsHead(Variable rows) => rows.Reshape(rows.Data.Lengths[0], 1, rows.Data.Lengths[1], rows.Data.Lengths[2]);

    /// <summary>[batch, 1, queryLength, hiddenSize], with the bias.</summary>
    private Variable Project(Variable query)
    {
        using Variable projected = Differentiable.Linear(query, _query.Weight, Bias);
        return AsHead(projected);
    }

    /// <summary>g v / ||v||, or null where the score vector is used as it is.</summary>
    private Variable? Normalized(Tape? tape) => _scale is null ? null : NormalizedScore.Of(Score, _scale, tape);

    private void CheckInputs(Variable query, AdditiveMemory memory)
    {
        LayerInput.CheckSequences(query, nameof(query), "queryLength", _options.QuerySize);
        ArgumentNullException.ThrowIfNull(memory);
        if (!ReferenceEquals(memory.Layer, this))
        {
            throw new ArgumentException($"'{nameof(memory)}' was prepared by another layer.", nameof(memory));
        }

        if (memory.Batch != query.Data.Lengths[0])
        {
            throw new ArgumentException(
                $"'{nameof(query)}' has {query.Data.Lengths[0]} sequences; '{nameof(memory)}' has {memory.Batch}.", nameof(query));
        }
    }
}
