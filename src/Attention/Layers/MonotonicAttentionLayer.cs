using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Monotonic attention (Raffel et al. 2017) and, with chunks, MoChA (Chiu and Raffel 2018). The energies of stopping and those
/// within chunks are products or additive; see <see cref="MonotonicEnergy"/>. The context is the memory, weighed.
/// </summary>
/// <remarks>
/// <para>
/// Parameters: <c>query.weight [energySize, querySize]</c> and <c>memory.weight [energySize, memorySize]</c>, Glorot uniform;
/// <c>gain [1]</c>, 1 / sqrt(energySize), and <c>offset [1]</c>, negative, as in section 2.4 of the paper; with additive energies
/// also <c>bias [energySize]</c>, zero, and the score vector <c>score [energySize]</c>, Glorot uniform. With chunks of more than one
/// key there are <c>chunk_query.weight</c>, <c>chunk_memory.weight</c> and, additive, <c>chunk_bias</c> and <c>chunk_score</c>, like
/// the others; chunks have neither gain nor offset.
/// </para>
/// <para>
/// Train with <see cref="Forward"/>, which is soft; for inference there are <see cref="ForwardHard"/>, all queries at once, and
/// <see cref="Step"/>, one after the other, which give the same numbers. What the memory holds at positions that no query may reach,
/// NaN included, reaches neither a context nor a gradient.
/// </para>
/// </remarks>
public sealed partial class MonotonicAttentionLayer : Layer
{
    private readonly MonotonicAttentionOptions _options;
    private readonly EnergyWeights _stop;
    private readonly EnergyWeights? _chunk;
    private readonly Parameter _gain;
    private readonly Parameter _offset;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">Sizes and choices.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size or the width is not positive, or offset or noise is not a finite number, or noise is negative, or there is no such energy.</exception>
    public MonotonicAttentionLayer(MonotonicAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.QuerySize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MemorySize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.EnergySize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.ChunkWidth, nameof(options));
        Initial.CheckDefined(options.Energy, nameof(options));
        if (!float.IsFinite(options.InitialOffset) || !(options.Noise >= 0 && float.IsFinite(options.Noise)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options, "Offset and noise are finite numbers, and noise is not negative.");
        }

        _options = options;
        _gain = AddParameter("gain", [1 / MathF.Sqrt(options.EnergySize)], 1);
        _offset = AddParameter("offset", [options.InitialOffset], 1);
        _stop = AddEnergy("", 0, 1, 4);
        _chunk = options.ChunkWidth > 1 ? AddEnergy("chunk_", 2, 3, 5) : null;
    }

    /// <summary>Attends softly, all queries at once: the expected context of each.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory"><c>[batch, keyLength, memorySize]</c>.</param>
    /// <param name="mask">At which positions of the memory a query may stop; head 0.</param>
    /// <returns>The contexts, <c>[batch, queryLength, memorySize]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes or the mask do not fit.</exception>
    public Variable Forward<TMask>(Variable query, Variable memory, TMask mask)
        where TMask : struct, IAttentionMask => Attend(query, memory, mask, isHard: false);

    /// <summary>Attends hard, all queries at once; nothing is learned through where they stop.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory"><c>[batch, keyLength, memorySize]</c>.</param>
    /// <param name="mask">At which positions of the memory a query may stop; head 0.</param>
    /// <returns>The contexts, <c>[batch, queryLength, memorySize]</c>; zero from where the scan ran past the last position.</returns>
    /// <exception cref="ArgumentException">The shapes or the mask do not fit.</exception>
    public Variable ForwardHard<TMask>(Variable query, Variable memory, TMask mask)
        where TMask : struct, IAttentionMask => Attend(query, memory, mask, isHard: true);

    /// <summary>The weights of <see cref="Forward"/> or <see cref="ForwardHard"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory"><c>[batch, keyLength, memorySize]</c>.</param>
    /// <param name="mask">At which positions of the memory a query may stop; head 0.</param>
    /// <param name="isHard">Whether each query stops at one position.</param>
    /// <returns><c>[batch, queryLength, keyLength]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes or the mask do not fit.</exception>
    public Variable Weights<TMask>(Variable query, Variable memory, TMask mask, bool isHard)
        where TMask : struct, IAttentionMask
    {
        CheckInputs(query, memory);
        using Variable reached = ReachedPositions.Keep(memory, mask, query.Data.Lengths[1]);
        return Weigh(query, reached, mask, isHard);
    }

    /// <summary>Begins to step through a memory, each scan at its first position.</summary>
    /// <param name="memory"><c>[batch, keyLength, memorySize]</c>.</param>
    /// <param name="lengths">How many positions of each sequence are real; empty for all.</param>
    /// <returns>What <see cref="Step"/> needs; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shape or the lengths do not fit.</exception>
    public MonotonicMemory Remember(Variable memory, ReadOnlySpan<int> lengths = default)
    {
        LayerInput.CheckSequences(memory, nameof(memory), "keyLength", _options.MemorySize);
        int batch = (int)memory.Data.Lengths[0];
        int keyLength = (int)memory.Data.Lengths[1];
        if (!lengths.IsEmpty && (lengths.Length != batch || lengths.ContainsAnyExceptInRange(0, keyLength)))
        {
            throw new ArgumentException(
                $"'{nameof(lengths)}' has {lengths.Length} elements; expected {batch}, one for each sequence, in [0, {keyLength}].", nameof(lengths));
        }

        int[] kept = lengths.ToArray();
        if (lengths.IsEmpty)
        {
            kept = new int[batch];
            Array.Fill(kept, keyLength);
        }

        using Variable numbers = memory.Detach();
        Variable real = Differentiable.ClearPadding(numbers, kept);
        return new MonotonicMemory(real, _stop.Memory.Forward(real), _chunk?.Memory.Forward(real), kept);
    }

    /// <summary>One query of each sequence, hard: goes on where the query before stopped.</summary>
    /// <param name="query"><c>[batch, querySize]</c>.</param>
    /// <param name="memory">What <see cref="Remember"/> gave; its positions move.</param>
    /// <returns>The contexts, <c>[batch, memorySize]</c>; zero for a scan that ran past the last position.</returns>
    /// <exception cref="ArgumentException">The shape does not fit.</exception>
    public Variable Step(Variable query, MonotonicMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        LayerInput.CheckRows(query, nameof(query), _options.QuerySize);
        nint batch = memory.Keys.Data.Lengths[0];
        nint keyLength = memory.Keys.Data.Lengths[1];
        if (query.Data.Rank != 2 || query.Data.Lengths[0] != batch)
        {
            throw new ArgumentException(
                $"'{nameof(query)}' has shape {Shapes.Text(query.Data.Lengths)}; expected [{batch}, {_options.QuerySize}].", nameof(query));
        }

        using Variable numbers = query.Detach();
        using Variable rows = numbers.Reshape(batch, 1, _options.QuerySize);
        using Variable energies = StopEnergies(rows, memory.Keys);
        float[] found = energies.Data.ToArray();
        float[] stops = new float[found.Length];
        for (int i = 0; i < batch; i++)
        {
            ReadOnlySpan<float> row = found.AsSpan(i * (int)keyLength, memory.Lengths[i]);
            int position = MonotonicAttention.Next(row, memory.Positions[i]);
            memory.MoveTo(i, position);
            if (position < row.Length)
            {
                stops[i * (int)keyLength + position] = 1;
            }
        }

        using Variable alignment = Variable.Constant(DeviceTensor.Create(Backend, stops, batch, 1, 1, keyLength));
        using Variable weights = InChunks(alignment, rows, memory.ChunkKeys, memory.Mask);
        using Variable matrices = weights.Reshape(batch, 1, keyLength);
        using Variable context = Differentiable.MatrixMultiply(matrices, memory.Memory);
        return context.Reshape(batch, _options.MemorySize);
    }

    private void CheckInputs(Variable query, Variable memory)
    {
        LayerInput.CheckSequences(query, nameof(query), "queryLength", _options.QuerySize);
        LayerInput.CheckSequences(memory, nameof(memory), "keyLength", _options.MemorySize);
        LayerInput.CheckBatch(memory, nameof(memory), query, nameof(query));
    }

    private Variable Attend<TMask>(Variable query, Variable memory, TMask mask, bool isHard)
        where TMask : struct, IAttentionMask
    {
        CheckInputs(query, memory);
        using Variable reached = ReachedPositions.Keep(memory, mask, query.Data.Lengths[1]);
        using Variable weights = Weigh(query, reached, mask, isHard);
        return Differentiable.MatrixMultiply(weights, reached);
    }

    /// <summary>The weights of a memory without the positions that no query may reach, <c>[batch, queryLength, keyLength]</c>.</summary>
    private Variable Weigh<TMask>(Variable query, Variable memory, TMask mask, bool isHard)
        where TMask : struct, IAttentionMask
    {
        using Variable keys = _stop.Memory.Forward(memory);
        using Variable? chunkKeys = _chunk?.Memory.Forward(memory);
        using Variable energies = StopEnergies(query, keys);
        using Variable alignment = isHard ? Hard(energies, mask) : Soft(energies, mask);
        using Variable weights = InChunks(alignment, query, chunkKeys, mask);
        return weights.Reshape(query.Data.Lengths[0], query.Data.Lengths[1], memory.Data.Lengths[1]);
    }

    private Variable Soft<TMask>(Variable energies, TMask mask)
        where TMask : struct, IAttentionMask
    {
        if (energies.Tape is not { IsTraining: true } tape || _options.Noise == 0)
        {
            return Differentiable.MonotonicAlignment(energies, mask);
        }

        float[] numbers = new float[energies.Data.Count];
        new PhiloxRandom(tape.NextSeed()).FillNormal(numbers, 0, _options.Noise);
        using Variable noise = Variable.Constant(DeviceTensor.Create(Backend, numbers, energies.Data.Lengths));
        using Variable noisy = Differentiable.Add(energies, noise);
        return Differentiable.MonotonicAlignment(noisy, mask);
    }

    private static Variable Hard<TMask>(Variable energies, TMask mask)
        where TMask : struct, IAttentionMask
    {
        DeviceTensor alignment = DeviceTensor.Allocate(energies.Data.Backend, energies.Data.Lengths);
        alignment.Backend.Run(new MonotonicAlignment<TMask> { Energies = energies.Data, Mask = mask, IsHard = true, Alignment = alignment });
        return Variable.Constant(alignment);
    }

    /// <summary>Spreads where the scan stops over the chunks that end there; the alignment itself without chunks.</summary>
    private Variable InChunks<TMask>(Variable alignment, Variable query, Variable? chunkKeys, TMask mask)
        where TMask : struct, IAttentionMask
    {
        if (chunkKeys is null)
        {
            return alignment.Reshape(alignment.Data.Lengths);
        }

        using Variable energies = ChunkEnergies(_chunk!, query, chunkKeys);
        return Differentiable.ChunkwiseWeights(alignment, energies, mask, _options.ChunkWidth);
    }
}
