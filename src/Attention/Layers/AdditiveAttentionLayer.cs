using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Additive attention with its projections (Bahdanau et al. 2015): <c>score = v . tanh(W query + U key + b)</c>, softmax over the
/// keys, weighted sum of the values. See <see cref="Mechanisms.AdditiveAttention"/>.
/// </summary>
/// <remarks>
/// Parameters: <c>query.weight [hiddenSize, querySize]</c>, <c>query.bias [hiddenSize]</c> where there is one (zero at first),
/// <c>key.weight [hiddenSize, keySize]</c>, <c>score [hiddenSize]</c>, and <c>scale [1]</c> where the score vector is normalised. Weights
/// begin Glorot uniform, or as <see cref="AdditiveAttentionOptions.BeginsUniform"/> says. In the paper a step's query is the
/// decoder's state before that step.
/// </remarks>
public sealed class AdditiveAttentionLayer : Layer
{
    private const float PaperDeviation = 0.001f;

    /// <summary>Keeps the length of a score vector of zeros from dividing by zero.</summary>
    private const float SmallestSquare = 1e-24f;

    private readonly AdditiveAttentionOptions _options;
    private readonly Linear _query;
    private readonly Linear _key;
    private readonly Parameter _score;
    private readonly Parameter? _scale;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive, or a probability is none.</exception>
    public AdditiveAttentionLayer(AdditiveAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        int hidden = options.HiddenSize;
        if (options.QuerySize <= 0 || options.KeySize <= 0 || hidden <= 0)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has queries of {options.QuerySize}, keys of {options.KeySize} and a hidden size of {hidden}; expected positive numbers.",
                nameof(options));
        }

        Initial.CheckProbability(options.Dropout, nameof(options));
        _options = options;
        _query = AddLayer("query", new Linear(options.QuerySize, hidden, options.HasBias, Initial.Seed(options.Seed, 0), Backend));
        _key = AddLayer("key", new Linear(options.KeySize, hidden, false, Initial.Seed(options.Seed, 1), Backend));
        float[] score = options.BeginsUniform ? new float[hidden] : Initial.Glorot(Initial.Seed(options.Seed, 2), 1, hidden);
        _score = AddParameter("score", score, hidden);
        _scale = options.IsNormalized ? AddParameter("scale", [MathF.Sqrt(1f / hidden)], 1) : null;
        if (options.BeginsUniform)
        {
            BeginSmall(_query.Weight, 3);
            BeginSmall(_key.Weight, 4);
        }
    }

    /// <summary>Projects keys, once for all queries that will look at them.</summary>
    /// <param name="keys"><c>[batch, keyLength, keySize]</c>.</param>
    /// <param name="values">What is summed up, <c>[batch, keyLength, valueSize]</c>; null for the keys.</param>
    /// <returns>The projected keys with their values, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape is another.</exception>
    public AdditiveMemory Prepare(Variable keys, Variable? values = null)
    {
        LayerInput.CheckSequences(keys, nameof(keys), "keyLength", _options.KeySize);
        values ??= keys;
        (nint batch, nint length) = (keys.Data.Lengths[0], keys.Data.Lengths[1]);
        if (values.Data.Rank != 3 || !values.Data.Lengths[..2].SequenceEqual(keys.Data.Lengths[..2]))
        {
            throw new ArgumentException(
                $"'{nameof(values)}' has shape {Shapes.Text(values.Data.Lengths)}; '{nameof(keys)}' has {Shapes.Text(keys.Data.Lengths)}.", nameof(values));
        }

        using Variable projected = _key.Forward(keys);
        return new AdditiveMemory(
            projected.Reshape(batch, 1, length, _options.HiddenSize), values.Reshape(batch, 1, length, values.Data.Lengths[2]));
    }

    /// <summary>Attends to all keys.</summary>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>; a decoder's step has one query.</param>
    /// <param name="memory">What <see cref="Prepare"/> gave.</param>
    /// <returns>The contexts, <c>[batch, queryLength, valueSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shape is another.</exception>
    public Variable Forward(Variable query, AdditiveMemory memory) => Forward(query, memory, default(NoMask));

    /// <summary>Attends to the keys that a mask allows; each query by itself, so that steps give what all queries at once give.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory">What <see cref="Prepare"/> gave.</param>
    /// <param name="mask">Which keys a query may attend to, such as <see cref="KeyLengthMask"/>.</param>
    /// <returns>The contexts, <c>[batch, queryLength, valueSize]</c>; zero for a query that may attend to nothing.</returns>
    /// <exception cref="ArgumentException">The shape is another, or the mask does not fit.</exception>
    public Variable Forward<TMask>(Variable query, AdditiveMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable projected = Project(query, memory);
        using Variable score = ScoreVector(query.Tape ?? memory.Keys.Tape);
        using Variable context = Differentiable.AdditiveAttention(
            projected, memory.Keys, score, memory.Values, mask, new AttentionOptions { Dropout = _options.Dropout });
        return context.Reshape(query.Data.Lengths[0], query.Data.Lengths[1], memory.Values.Data.Lengths[3]);
    }

    /// <summary>The weights that <c>Forward</c> gives the values, without dropout; nothing is recorded.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory">What <see cref="Prepare"/> gave.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <returns><c>[batch, queryLength, keyLength]</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The shape is another, or the mask does not fit.</exception>
    public DeviceTensor Weights<TMask>(Variable query, AdditiveMemory memory, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(memory);
        using Variable plain = query.Detach();
        using Variable projected = Project(plain, memory);
        using Variable score = ScoreVector(null);
        (nint batch, nint queries) = (query.Data.Lengths[0], query.Data.Lengths[1]);
        using DeviceTensor weights = DeviceTensor.Allocate(Backend, batch, 1, queries, memory.Length);
        Backend.Run(new AdditiveWeights<TMask>
        {
            Query = projected.Data,
            Key = memory.Keys.Data,
            ScoreVector = score.Data,
            Mask = mask,
            Weights = weights,
        });
        return weights.Reshape(batch, queries, memory.Length);
    }

    /// <summary>[batch, 1, queryLength, hiddenSize], the bias added.</summary>
    private Variable Project(Variable query, AdditiveMemory memory)
    {
        LayerInput.CheckSequences(query, nameof(query), "queryLength", _options.QuerySize);
        ArgumentNullException.ThrowIfNull(memory);
        LayerInput.CheckBatch(memory.Keys, nameof(memory), query, nameof(query));
        using Variable projected = _query.Forward(query);
        return projected.Reshape(query.Data.Lengths[0], 1, query.Data.Lengths[1], _options.HiddenSize);
    }

    /// <summary>v, or g v / |v|, under a tape if there is one.</summary>
    private Variable ScoreVector(Tape? tape)
    {
        Variable vector = tape is null ? Variable.Constant(_score.Data.Share()) : tape.Use(_score);
        if (_scale is null)
        {
            return vector;
        }

        // |v| is the root mean square of v times the root of its size.
        using (vector)
        using (Variable scale = tape is null ? Variable.Constant(_scale.Data.Share()) : tape.Use(_scale))
        using (Variable unit = Differentiable.Normalize(NormalizationKind.RootMeanSquare, vector, null, null, SmallestSquare))
        using (Variable scaled = Differentiable.Scale(unit, MathF.Sqrt(1f / _options.HiddenSize)))
        {
            return Differentiable.Multiply(scaled, scale);
        }
    }

    private void BeginSmall(Parameter weight, int part)
    {
        float[] numbers = Initial.Normal(Initial.Seed(_options.Seed, part), (int)weight.Data.Count, PaperDeviation);
        Backend.Upload(numbers, weight.Data);
    }
}
