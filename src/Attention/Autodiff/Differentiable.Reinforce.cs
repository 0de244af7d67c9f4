using Attention.Backends;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>
    /// The surrogate whose gradient is the REINFORCE estimate (Williams 1992; Xu et al. 2015, equation 12), to be minimised:
    /// <c>-returnWeight sum(advantage log-probability) - entropyWeight sum(entropy)</c>, of shape <c>[1]</c>. Its value means nothing.
    /// </summary>
    /// <remarks>
    /// The scores get <c>-returnWeight advantage (1[i = s] - a_i) + entropyWeight a_i (ln a_i + H)</c>. Advantages are constants: returns less a baseline
    /// that does not depend on the choice; see <see cref="Advantages"/> and <see cref="Returns"/>. Divide both weights by the batch for a mean.
    /// </remarks>
    /// <param name="logProbability">Of the choices, <c>[batch, heads, steps]</c>.</param>
    /// <param name="advantages">One for each log-probability, row-major.</param>
    /// <param name="returnWeight">The factor on the advantages.</param>
    /// <param name="entropy">Of the rows, of the same shape; null for no bonus.</param>
    /// <param name="entropyWeight">The factor on the entropies.</param>
    /// <param name="lengths">How many steps of each batch element count; empty for all. Advantages of the others are not looked at.</param>
    /// <exception cref="ArgumentException">The shapes do not fit, or a length lies outside of the steps.</exception>
    public static Variable ReinforceLoss(
        Variable logProbability, ReadOnlySpan<float> advantages, float returnWeight = 1, Variable? entropy = null, float entropyWeight = 0,
        ReadOnlySpan<int> lengths = default)
    {
        ArgumentNullException.ThrowIfNull(logProbability);
        DeviceTensor rows = logProbability.Data;
        if (rows.Rank != 3)
        {
            throw new ArgumentException(
                $"'{nameof(logProbability)}' has shape {Shapes.Text(rows.Lengths)}; expected [batch, heads, steps].", nameof(logProbability));
        }

        if (advantages.Length != rows.Count)
        {
            throw new ArgumentException($"'{nameof(advantages)}' has {advantages.Length} elements; expected {rows.Count}.", nameof(advantages));
        }

        if (entropy is not null && !entropy.Data.Lengths.SequenceEqual(rows.Lengths))
        {
            throw new ArgumentException(
                $"'{nameof(entropy)}' has shape {Shapes.Text(entropy.Data.Lengths)}; expected {Shapes.Text(rows.Lengths)}.", nameof(entropy));
        }

        float[] counts = Counts(rows.Lengths, lengths);
        float[] factors = new float[counts.Length];
        for (int i = 0; i < factors.Length; i++)
        {
            factors[i] = counts[i] == 0 ? 0 : -returnWeight * advantages[i];
        }

        Variable loss = WeightedSum(logProbability, factors);
        if (entropy is null || entropyWeight == 0)
        {
            return loss;
        }

        using Variable returns = loss;
        using Variable bonus = WeightedSum(entropy, Array.ConvertAll(counts, count => -entropyWeight * count));
        return Add(returns, bonus);
    }

    private static Variable WeightedSum(Variable rows, float[] factors)
    {
        using Variable constants = Variable.Constant(DeviceTensor.Create(rows.Data.Backend, factors, rows.Data.Lengths));
        using Variable products = Multiply(rows, constants);
        return Sum(products);
    }

    /// <summary>1 for each step that counts and 0 for the others.</summary>
    private static float[] Counts(ReadOnlySpan<nint> shape, ReadOnlySpan<int> lengths)
    {
        if (lengths.Length != 0 && lengths.Length != shape[0])
        {
            throw new ArgumentException($"'{nameof(lengths)}' has {lengths.Length} elements; expected {shape[0]}, one for each batch element.", nameof(lengths));
        }

        float[] counts = new float[checked((int)Shapes.Count(shape))];
        int steps = (int)shape[2];
        for (int row = 0; row < counts.Length / Math.Max(1, steps); row++)
        {
            int length = lengths.Length == 0 ? steps : lengths[(int)(row / shape[1])];
            if (length < 0 || length > steps)
            {
                throw new ArgumentOutOfRangeException(nameof(lengths), length, $"'{nameof(lengths)}' has {length}; there are {steps} steps.");
            }

            counts.AsSpan(row * steps, length).Fill(1);
        }

        return counts;
    }
}
