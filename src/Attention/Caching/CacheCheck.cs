using System.Diagnostics;
using System.Numerics.Tensors;

namespace Attention.Caching;

/// <summary>Checks what is handed to a cache.</summary>
[StackTraceHidden]
internal static class CacheCheck
{
    private const string KeyShape = "[batch, keyValueHeads, newTokens, headSize]";
    private const string ValueShape = "[batch, keyValueHeads, newTokens, valueSize]";

    internal static void Options(KvCacheOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Positive(options.KeyValueHeads, nameof(options.KeyValueHeads));
        Positive(options.HeadSize, nameof(options.HeadSize));
        if (options.ValueSize < 0)
        {
            Throw.OutOfRange(nameof(options), options.ValueSize, $"'{nameof(options.ValueSize)}' is {options.ValueSize}; expected 0 (the head size) or more.");
        }

        if (!Enum.IsDefined(options.Storage))
        {
            Throw.OutOfRange(nameof(options), options.Storage, $"'{nameof(options.Storage)}' is {options.Storage}; expected a defined storage.");
        }

        if (options.MaxDegreeOfParallelism < 0)
        {
            Throw.OutOfRange(
                nameof(options), options.MaxDegreeOfParallelism,
                $"'{nameof(options.MaxDegreeOfParallelism)}' is {options.MaxDegreeOfParallelism}; expected 0 (all processors) or more.");
        }

        if (!Enum.IsDefined(options.Width))
        {
            Throw.OutOfRange(nameof(options), options.Width, $"'{nameof(options.Width)}' is {options.Width}; expected a defined vector width.");
        }

        void Positive(int number, string name)
        {
            if (number <= 0)
            {
                Throw.OutOfRange(nameof(options), number, $"'{name}' is {number}; expected a positive number.");
            }
        }
    }

    /// <summary>4, 2 or 1.</summary>
    internal static int BytesOf(KvStorage storage) => storage switch
    {
        KvStorage.Float32 => 4,
        KvStorage.BFloat16 => 2,
        _ => 1,
    };

    /// <summary>Tokens of a page: whole tiles.</summary>
    internal static void PageSize(int pageSize, string parameter)
    {
        if (pageSize <= 0 || pageSize % Tiles.CacheLayout.Tokens != 0)
        {
            Throw.OutOfRange(parameter, pageSize, $"'{parameter}' is {pageSize}; expected a positive multiple of {Tiles.CacheLayout.Tokens}.");
        }
    }

    /// <summary>New keys, values and lengths; returns the batch.</summary>
    internal static int Inputs(
        KvCache cache, int sequences, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, ReadOnlySpan<int> newLengths)
    {
        Guard.Layout(key, 4, nameof(key), KeyShape);
        Guard.Shape(key, [sequences, cache.KeyValueHeads, key.Lengths[2], cache.HeadSize], nameof(key), KeyShape);
        Guard.Shape(value, [sequences, cache.KeyValueHeads, key.Lengths[2], cache.ValueSize], nameof(value), ValueShape);
        Lengths(newLengths, sequences, (int)key.Lengths[2], nameof(newLengths));
        return sequences;
    }

    /// <summary>A length for each batch element, or none at all.</summary>
    internal static void Lengths(ReadOnlySpan<int> lengths, int batch, int most, string parameter)
    {
        if (!lengths.IsEmpty && lengths.Length != batch)
        {
            Throw.Argument(parameter, $"'{parameter}' has {lengths.Length} elements; expected one for each of the {batch} batch elements, or none.");
        }

        foreach (int length in lengths)
        {
            if (length < 0 || length > most)
            {
                Throw.OutOfRange(parameter, length, $"'{parameter}' has {length} among its elements; expected numbers in [0, {most}].");
            }
        }
    }

    /// <summary>No number twice: two ends of one sequence would be written at once.</summary>
    internal static void Distinct(ReadOnlySpan<int> sequences, string parameter)
    {
        for (int i = 1; i < sequences.Length; i++)
        {
            if (sequences[..i].Contains(sequences[i]))
            {
                Throw.Argument(parameter, $"'{parameter}' names sequence {sequences[i]} twice.");
            }
        }
    }
}
