using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// Monotonic attention (Raffel et al. 2017) and, with chunks, MoChA (Chiu and Raffel 2018), with energies
/// <c>e_ij = gain (Wq query_i) . (Wm memory_j) + offset</c>, and <c>u_ij = (Vq query_i) . (Vm memory_j) / sqrt(energySize)</c> within
/// chunks. The context is the memory, weighed.
/// </summary>
/// <remarks>
/// Parameters: <c>query.weight [energySize, querySize]</c> and <c>memory.weight [energySize, memorySize]</c>, Glorot uniform;
/// <c>gain [1]</c>, 1 / sqrt(energySize), and <c>offset [1]</c>, negative, as in section 2.4 of the paper; with chunks of more than
/// one key also <c>chunk_query.weight</c> and <c>chunk_memory.weight</c>, like the others. Train with <see cref="Forward"/>, which
/// is soft; for inference there are <see cref="ForwardHard"/>, all queries at once, and <see cref="Step"/>, one after the other,
/// which give the same numbers.
/// </remarks>
public sealed class MonotonicAttentionLayer : Layer
{
    private readonly MonotonicAttentionOptions _options;
    private readonly Linear _query;
    private readonly Linear _memory;
    private readonly Linear? _chunkQuery;
    private readonly Linear? _chunkMemory;
    private readonly Parameter _gain;
    private readonly Parameter _offset;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">Sizes and choices.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size or the width is not positive, or offset or noise is not a finite number, or noise is negative.</exception>
    public MonotonicAttentionLayer(MonotonicAttentionOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.QuerySize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MemorySize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.EnergySize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.ChunkWidth, nameof(options));
        if (!float.IsFinite(options.InitialOffset) || !(options.Noise >= 0 && float.IsFinite(options.Noise)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options, "Offset and noise are finite numbers, and noise is not negative.");
        }

        _options = options;
        int size = options.EnergySize;
        _query = AddLayer("query", new Linear(options.QuerySize, size, hasBias: false, Initial.Seed(options.Seed, 0), backend));
        _memory = AddLayer("memory", new Linear(options.MemorySize, size, hasBias: false, Initial.Seed(options.Seed, 1), backend));
        _gain = AddParameter("gain", [1 / MathF.Sqrt(size)], 1);
        _offset = AddParameter("offset", [options.InitialOffset], 1);
        if (options.ChunkWidth > 1)
        {
            _chunkQuery = AddLayer("chunk_query", new Linear(options.QuerySize, size, hasBias: false, Initial.Seed(options.Seed, 2), backend));
            _chunkMemory = AddLayer("chunk_memory", new Linear(options.MemorySize, size, hasBias: false, Initial.Seed(options.Seed, 3), backend));
        }
    }

    /// <summary>Attends softly, all queries at once: the expected context of each.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory"><c>[batch, keyLength, memorySize]</c>.</param>
    /// <param name="mask">At which positions of the memory a query may stop; head 0.</param>
    /// <returns>The contexts, <c>[batch, queryLength, memorySize]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Variable Forward<TMask>(Variable query, Variable memory, TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable weights = Weights(query, memory, mask, isHard: false);
        return Differentiable.MatrixMultiply(weights, memory);
    }

    /// <summary>Attends hard, all queries at once; nothing is learned through where they stop.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory"><c>[batch, keyLength, memorySize]</c>.</param>
    /// <param name="mask">At which positions of the memory a query may stop; head 0.</param>
    /// <returns>The contexts, <c>[batch, queryLength, memorySize]</c>; zero from where the scan ran past the last position.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Variable ForwardHard<TMask>(Variable query, Variable memory, TMask mask)
        where TMask : struct, IAttentionMask
    {
        using Variable weights = Weights(query, memory, mask, isHard: true);
        return Differentiable.MatrixMultiply(weights, memory);
    }

    /// <summary>The weights of <see cref="Forward"/> or <see cref="ForwardHard"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, queryLength, querySize]</c>.</param>
    /// <param name="memory"><c>[batch, keyLength, memorySize]</c>.</param>
    /// <param name="mask">At which positions of the memory a query may stop; head 0.</param>
    /// <param name="isHard">Whether each query stops at one position.</param>
    /// <returns><c>[batch, queryLength, keyLength]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Variable Weights<TMask>(Variable query, Variable memory, TMask mask, bool isHard)
        where TMask : struct, IAttentionMask
    {
        LayerInput.CheckSequences(query, nameof(query), "queryLength", _options.QuerySize);
        LayerInput.CheckSequences(memory, nameof(memory), "keyLength", _options.MemorySize);
        LayerInput.CheckBatch(memory, nameof(memory), query, nameof(query));
        using Variable keys = _memory.Forward(memory);
        using Variable? chunkKeys = _chunkMemory?.Forward(memory);
        using Variable energies = Energies(query, keys);
        using Variable alignment = isHard ? Hard(energies, mask) : Soft(energies, mask);
        using Variable weights = InChunks(alignment, query, chunkKeys, mask);
        return weights.Reshape(query.Data.Lengths[0], query.Data.Lengths[1], memory.Data.Lengths[1]);
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
        return new MonotonicMemory(memory.Detach(), _memory.Forward(numbers), _chunkMemory?.Forward(numbers), kept);
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
        using Variable energies = Energies(rows, memory.Keys);
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

    /// <summary>The energies of stopping, <c>[batch, 1, queryLength, keyLength]</c>.</summary>
    private Variable Energies(Variable query, Variable keys)
    {
        using Variable projected = _query.Forward(query);
        using Variable transposed = keys.Transpose(1, 2);
        using Variable products = Differentiable.MatrixMultiply(projected, transposed);
        using Variable scaled = Differentiable.Multiply(products, _gain);
        using Variable energies = Differentiable.Add(scaled, _offset);
        return energies.Reshape(query.Data.Lengths[0], 1, query.Data.Lengths[1], keys.Data.Lengths[1]);
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

        using Variable projected = _chunkQuery!.Forward(query);
        using Variable transposed = chunkKeys.Transpose(1, 2);
        using Variable products = Differentiable.MatrixMultiply(projected, transposed);
        using Variable scaled = Differentiable.Scale(products, 1 / MathF.Sqrt(_options.EnergySize));
        using Variable energies = scaled.Reshape(alignment.Data.Lengths);
        return Differentiable.ChunkwiseWeights(alignment, energies, mask, _options.ChunkWidth);
    }
}
