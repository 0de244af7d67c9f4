using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

public sealed partial class LuongAttentionLayer
{
    private static void Check(LuongAttentionOptions options)
    {
        Initial.CheckDefined(options.Score, nameof(options));
        Initial.CheckDefined(options.Alignment, nameof(options));
        bool hasSizes = options.QuerySize > 0 && options.MemorySize > 0 && options.OutputSize is null or > 0 && options.ScoreSize is null or > 0
            && options.PositionSize is null or > 0 && options.MaxLength is null or > 0;
        if (!hasSizes || options.HalfWidth < 0 || !(options.InitialRange >= 0 && float.IsFinite(options.InitialRange)))
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has a size that is not positive, or a half width or initial range that is negative or not finite: {options}.",
                nameof(options));
        }

        if (options.Score == LuongScore.Dot && options.QuerySize != options.MemorySize)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has target states of {options.QuerySize} numbers and source states of {options.MemorySize}; their product needs equal sizes.",
                nameof(options));
        }

        if (options.Score == LuongScore.Location && options.MaxLength is null)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has no {nameof(LuongAttentionOptions.MaxLength)}; the score {options.Score} needs it.", nameof(options));
        }

        if (options is { Alignment: not LuongAlignment.Global, Score: LuongScore.Concat or LuongScore.Location })
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has the score {options.Score} and the alignment {options.Alignment}; a window goes with {LuongScore.Dot} and {LuongScore.General}.",
                nameof(options));
        }
    }

    private void CheckInputs(Variable queries, LuongMemory memory, int firstStep)
    {
        LayerInput.CheckSequences(queries, nameof(queries), "steps", _options.QuerySize);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfNegative(firstStep);
        if (queries.Data.Lengths[0] != memory.Batch)
        {
            throw new ArgumentException(
                $"'{nameof(queries)}' has {queries.Data.Lengths[0]} sequences; '{nameof(memory)}' has {memory.Batch}.", nameof(queries));
        }

        if (memory.States.Data.Lengths[3] != _options.MemorySize || memory.Keys?.Data.Lengths[3] != _attentionScore?.Data.Count)
        {
            throw new ArgumentException($"'{nameof(memory)}' was prepared by another layer.", nameof(memory));
        }
    }

    private static void CheckState(Variable state, string name, int size)
    {
        ArgumentNullException.ThrowIfNull(state, name);
        if (state.Data.Rank != 2 || state.Data.Lengths[1] != size)
        {
            throw new ArgumentException($"'{name}' has shape {Shapes.Text(state.Data.Lengths)}; expected [batch, {size}].", name);
        }
    }

    /// <summary>A copy of the lengths, which a caller may change.</summary>
    private static int[] CheckLengths(int[]? lengths, nint batch, nint length)
    {
        int[] copy = new int[batch];
        Array.Fill(copy, (int)length);
        if (lengths is null)
        {
            return copy;
        }

        if (lengths.Length != batch)
        {
            throw new ArgumentException(
                $"'{nameof(lengths)}' has {lengths.Length} entries; expected one for each of the {batch} sentences.", nameof(lengths));
        }

        foreach (int each in lengths)
        {
            if (each < 0 || each > length)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(lengths), each, $"'{nameof(lengths)}' has {each}; expected a number in [0, {length}].");
            }
        }

        lengths.CopyTo(copy, 0);
        return copy;
    }
}
