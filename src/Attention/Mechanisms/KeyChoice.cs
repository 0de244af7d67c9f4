namespace Attention.Mechanisms;

/// <summary>How <see cref="HardAttention"/> chooses the key of a query.</summary>
public readonly record struct KeyChoice
{
    private KeyChoice(bool isSampled, bool isGiven, ulong seed)
    {
        IsSampled = isSampled;
        IsGiven = isGiven;
        Seed = seed;
    }

    /// <summary>The key with the largest score, the first of several: for inference.</summary>
    public static KeyChoice Largest => default;

    /// <summary>The keys that the caller gives.</summary>
    public static KeyChoice Given => new(false, true, 0);

    /// <summary>Whether keys are drawn.</summary>
    public bool IsSampled { get; }

    /// <summary>Whether the caller gives the keys.</summary>
    public bool IsGiven { get; }

    /// <summary>What is drawn depends on it and on batch, head and query alone.</summary>
    public ulong Seed { get; }

    /// <summary>A key drawn with the probabilities that softmax gives: for training.</summary>
    /// <param name="seed">What is drawn depends on it and on batch, head and query alone; another seed is an independent draw.</param>
    public static KeyChoice Sampled(ulong seed) => new(true, false, seed);
}
