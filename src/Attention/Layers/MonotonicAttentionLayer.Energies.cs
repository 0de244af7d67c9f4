using Attention.Autodiff;

namespace Attention.Layers;

public sealed partial class MonotonicAttentionLayer
{
    /// <summary>The energies of stopping, <c>[batch, 1, queryLength, keyLength]</c>.</summary>
    private Variable StopEnergies(Variable query, Variable keys)
    {
        if (_stop.Score is { } score)
        {
            // The gain may as well stand in the vector, where it costs nothing.
            using Variable vector = NormalizedScore.Of(score, _gain, Tape.Of(query, keys));
            using Variable sums = Sums(_stop, query, keys, vector);
            return Differentiable.Add(sums, _offset);
        }

        using Variable products = Products(_stop, query, keys);
        using Variable scaled = Differentiable.Multiply(products, _gain);
        return Differentiable.Add(scaled, _offset);
    }

    /// <summary>The energies within chunks, <c>[batch, 1, queryLength, keyLength]</c>.</summary>
    private Variable ChunkEnergies(EnergyWeights weights, Variable query, Variable keys)
    {
        if (weights.Score is { } score)
        {
            return Sums(weights, query, keys, score);
        }

        using Variable products = Products(weights, query, keys);
        return Differentiable.Scale(products, 1 / MathF.Sqrt(_options.EnergySize));
    }

    /// <summary>Products of every projected query with every projected position, <c>[batch, 1, queryLength, keyLength]</c>.</summary>
    private static Variable Products(EnergyWeights weights, Variable query, Variable keys)
    {
        using Variable projected = weights.Query.Forward(query);
        using Variable transposed = keys.Transpose(1, 2);
        using Variable products = Differentiable.MatrixMultiply(projected, transposed);
        return AsHead(products);
    }

    /// <summary>Additive scores of every query and every projected position, <c>[batch, 1, queryLength, keyLength]</c>.</summary>
    private static Variable Sums(EnergyWeights weights, Variable query, Variable keys, Variable score)
    {
        using Variable projected = Differentiable.Linear(query, weights.Query.Weight, weights.Bias);
        using Variable queryHead = AsHead(projected);
        using Variable keyHead = AsHead(keys);
        return Differentiable.AdditiveScores(queryHead, keyHead, score);
    }

    /// <summary>[batch, length, size] as the one head of attention.</summary>
    private static Variable AsHead(Variable rows) => rows.Reshape(rows.Data.Lengths[0], 1, rows.Data.Lengths[1], rows.Data.Lengths[2]);

    /// <summary>Makes the weights of one kind of energy, whose names begin with <paramref name="prefix"/>.</summary>
    /// <param name="prefix">What the names begin with.</param>
    /// <param name="queryPart">The seed's part of the query's projection.</param>
    /// <param name="memoryPart">The seed's part of the memory's projection.</param>
    /// <param name="scorePart">The seed's part of the score vector.</param>
    private EnergyWeights AddEnergy(string prefix, int queryPart, int memoryPart, int scorePart)
    {
        int size = _options.EnergySize;
        Linear Projection(int inputSize, int part) => new(inputSize, size, hasBias: false, Initial.Seed(_options.Seed, part), Backend);
        bool isAdditive = _options.Energy == MonotonicEnergy.Additive;
        return new EnergyWeights(
            AddLayer($"{prefix}query", Projection(_options.QuerySize, queryPart)),
            AddLayer($"{prefix}memory", Projection(_options.MemorySize, memoryPart)),
            isAdditive ? AddParameter($"{prefix}bias", new float[size], size) : null,
            isAdditive ? AddParameter($"{prefix}score", Initial.Glorot(Initial.Seed(_options.Seed, scorePart), 1, size), size) : null);
    }

    /// <summary>What one kind of energy is computed with; bias and score vector where it is additive.</summary>
    private sealed record EnergyWeights(Linear Query, Linear Memory, Parameter? Bias, Parameter? Score);
}
