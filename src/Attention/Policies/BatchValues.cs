using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>An offset or a length: one for the whole batch, or one per batch element.</summary>
internal readonly struct BatchValues
{
    private readonly int[]? _perBatch;
    private readonly int _shared;

    /// <summary>The same value for every batch element.</summary>
    public BatchValues(int shared)
    {
        _shared = shared;
    }

    /// <summary>A value for each batch element; the array is kept, so that a caller can update it between calls.</summary>
    public BatchValues(int[] perBatch)
    {
        _perBatch = perBatch;
    }

    public int this[int batch]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _perBatch is null ? _shared : _perBatch[batch];
    }

    /// <summary>Checks when a policy is built that there is a value at all and, where asked, that none is negative.</summary>
    public static BatchValues Create(int[] perBatch, string name, bool allowNegative)
    {
        ArgumentNullException.ThrowIfNull(perBatch, name);
        if (perBatch.Length == 0)
        {
            throw new ArgumentException($"'{name}' is empty; it needs an entry for each batch element.", name);
        }

        if (!allowNegative)
        {
            for (int batch = 0; batch < perBatch.Length; batch++)
            {
                if (perBatch[batch] < 0)
                {
                    throw new ArgumentOutOfRangeException(
                        name, perBatch[batch], $"'{name}'[{batch}] is {perBatch[batch]}; it must not be negative.");
                }
            }
        }

        return new BatchValues(perBatch);
    }

    /// <summary>Checks before a call that there is a value for every batch element.</summary>
    public void CheckBatch(int batch, string policy, string what)
    {
        if (_perBatch is not null && _perBatch.Length < batch)
        {
            throw new ArgumentException(
                $"'{policy}' has {_perBatch.Length} {what}; a call with a batch of {batch} needs {batch}.", policy);
        }
    }

    /// <summary>Checks before a call that no value is negative or above <paramref name="most"/>.</summary>
    public void CheckRange(int batch, int most, string policy, string what)
    {
        for (int index = 0; index < batch; index++)
        {
            if (this[index] < 0 || this[index] > most)
            {
                throw new ArgumentException(
                    $"'{policy}' has {this[index]} among its {what} (batch element {index}); it must lie in [0, {most}].", policy);
            }
        }
    }
}
