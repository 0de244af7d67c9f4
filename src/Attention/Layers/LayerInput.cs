using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>Checks of what the forward methods of layers are given, by the names that their callers know.</summary>
internal static class LayerInput
{
    /// <summary>Rows of <paramref name="size"/> numbers, of any number of axes.</summary>
    internal static void CheckRows(Variable input, string name, nint size)
    {
        ArgumentNullException.ThrowIfNull(input, name);
        if (input.Data.Rank == 0 || input.Data.Lengths[^1] != size)
        {
            throw new ArgumentException($"'{name}' has shape {Shapes.Text(input.Data.Lengths)}; expected [..., {size}].", name);
        }
    }

    /// <summary>Sequences of <paramref name="size"/> numbers a position.</summary>
    internal static void CheckSequences(Variable input, string name, string length, nint size)
    {
        ArgumentNullException.ThrowIfNull(input, name);
        if (input.Data.Rank != 3 || input.Data.Lengths[2] != size)
        {
            throw new ArgumentException($"'{name}' has shape {Shapes.Text(input.Data.Lengths)}; expected [batch, {length}, {size}].", name);
        }
    }

    /// <summary>How much of each of some padded sequences is real: a copy of the lengths, or null where there is no padding.</summary>
    internal static int[]? CheckLengths(int[]? lengths, Variable sequences)
    {
        (nint batch, nint most) = (sequences.Data.Lengths[0], sequences.Data.Lengths[1]);
        if (lengths is null)
        {
            return null;
        }

        if (lengths.Length != batch || Array.Exists(lengths, length => length < 0 || length > most))
        {
            throw new ArgumentException(
                $"'{nameof(lengths)}' is [{string.Join(", ", lengths)}]; expected {batch} lengths from 0 to {most}.", nameof(lengths));
        }

        return Array.TrueForAll(lengths, length => length == most) ? null : [.. lengths];
    }

    /// <summary>A bias that broadcasts to the scores, aligned from the right.</summary>
    internal static void CheckBias(Variable? bias, string name, params ReadOnlySpan<nint> scores)
    {
        ReadOnlySpan<nint> lengths = bias is null ? [] : bias.Data.Lengths;
        bool fits = lengths.Length <= scores.Length;
        for (int axis = 1; fits && axis <= lengths.Length; axis++)
        {
            fits = lengths[^axis] == 1 || lengths[^axis] == scores[^axis];
        }

        if (!fits)
        {
            throw new ArgumentException(
                $"'{name}' has shape {Shapes.Text(lengths)}; expected {Shapes.Text(scores)} ([batch, heads, queryLength, keyLength]), where any axis may be 1.",
                name);
        }
    }

    /// <summary>As many sequences as another input has.</summary>
    internal static void CheckBatch(Variable input, string name, Variable other, string otherName)
    {
        if (input.Data.Lengths[0] != other.Data.Lengths[0])
        {
            throw new ArgumentException(
                $"'{name}' has {input.Data.Lengths[0]} sequences; '{otherName}' has {other.Data.Lengths[0]}.", name);
        }
    }
}
