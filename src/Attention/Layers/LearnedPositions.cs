using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>
/// Learned positions (Gehring et al. 2017): each position has a row of its own, which is added to what stands there. Parameter:
/// <c>weight [count, size]</c>, normal with deviation <c>deviation</c>.
/// </summary>
/// <remarks>There is no row beyond the table, so a longer sequence is refused.</remarks>
public sealed class LearnedPositions : Layer
{
    /// <summary>Creates a layer.</summary>
    /// <param name="count">How many positions there are.</param>
    /// <param name="size">Numbers of a position.</param>
    /// <param name="deviation">The deviation of the first numbers, as in BERT and GPT.</param>
    /// <param name="seed">Decides the first numbers.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or <paramref name="deviation"/> not finite or negative.</exception>
    public LearnedPositions(int count, int size, float deviation = 0.02f, ulong seed = 0, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        Weight = AddParameter("weight", Initial.Normal(seed, Initial.Count(count, size), deviation), count, size);
    }

    /// <summary><c>[count, size]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>Adds the rows of consecutive positions.</summary>
    /// <param name="input"><c>[..., length, size]</c>.</param>
    /// <param name="offset">The position of the first row.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="offset"/> is negative, or a position lies beyond the table.</exception>
    /// <exception cref="ArgumentException">The shape is another.</exception>
    public Variable Forward(Variable input, int offset = 0)
    {
        Check(input);
        nint length = input.Data.Lengths[^2];
        nint count = Weight.Data.Lengths[0];
        if (offset < 0 || offset > count - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), offset,
                $"'{nameof(offset)}' is {offset} for {length} rows, the last of position {offset + length - 1}; the table has positions 0 to {count - 1}.");
        }

        using Variable rows = Weight.Slice(0, offset, length);
        return Differentiable.Add(input, rows);
    }

    /// <summary>Adds the rows of any positions.</summary>
    /// <param name="input"><c>[..., size]</c>.</param>
    /// <param name="positions">The position of every row of the input, row-major.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A position is negative or beyond the table.</exception>
    /// <exception cref="ArgumentException">The shape is another, or there are not as many positions as rows.</exception>
    public Variable Forward(Variable input, ReadOnlySpan<int> positions)
    {
        Check(input);
        nint rows = Shapes.Count(input.Data.Lengths[..^1]);
        if (positions.Length != rows)
        {
            throw new ArgumentException(
                $"'{nameof(positions)}' has {positions.Length} positions; '{nameof(input)}' of shape {Shapes.Text(input.Data.Lengths)} has {rows} rows.",
                nameof(positions));
        }

        nint count = Weight.Data.Lengths[0];
        foreach (int position in positions)
        {
            if (position < 0 || position >= count)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(positions), position, $"'{nameof(positions)}' has position {position}; the table has positions 0 to {count - 1}.");
            }
        }

        using Variable added = Differentiable.Embed(Weight, positions, input.Data.Lengths[..^1], input.Tape);
        return Differentiable.Add(input, added);
    }

    private void Check(Variable input)
    {
        ArgumentNullException.ThrowIfNull(input);
        nint size = Weight.Data.Lengths[1];
        if (input.Data.Rank < 2 || input.Data.Lengths[^1] != size)
        {
            throw new ArgumentException(
                $"'{nameof(input)}' has shape {Shapes.Text(input.Data.Lengths)}; expected [..., length, {size}].", nameof(input));
        }
    }
}
