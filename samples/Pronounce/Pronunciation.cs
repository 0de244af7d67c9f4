namespace Pronounce;

/// <summary>What a model said of a word, phoneme by phoneme.</summary>
internal sealed class Pronunciation(int letters)
{
    private readonly List<int> _phonemes = [];
    private readonly List<float[]> _weights = [];

    internal int Letters => letters;

    internal bool IsComplete { get; private set; }

    internal int[] Phonemes => [.. _phonemes];

    /// <summary>What each letter had of each phoneme; empty without attention.</summary>
    internal IReadOnlyList<float[]> Weights => _weights;

    /// <summary>Takes the next phoneme, unless the word has ended.</summary>
    internal void Add(int phoneme, ReadOnlySpan<float> weights)
    {
        IsComplete |= phoneme == Symbols.Boundary;
        if (!IsComplete)
        {
            _phonemes.Add(phoneme);
            if (!weights.IsEmpty)
            {
                _weights.Add(weights.ToArray());
            }
        }
    }
}
