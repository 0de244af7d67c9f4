namespace Attention.Numerics;

/// <summary>
/// Random numbers by number: the same seed and index give the same value, whatever was asked before and on whatever thread.
/// </summary>
/// <param name="seed">What the whole sequence depends on.</param>
public readonly struct PhiloxRandom(ulong seed)
{
    private const int WordsPerCounter = 4;

    /// <summary>Sets this generator's counters apart from those of dropout, whose last word is a batch.</summary>
    private const uint Domain = 0xFFFF_FFFF;

    /// <summary>Fills <paramref name="destination"/> with numbers evenly spread over [minimum, maximum).</summary>
    /// <param name="destination">Where to; element i gets number <paramref name="firstIndex"/> + i.</param>
    /// <param name="minimum">The lower bound.</param>
    /// <param name="maximum">The upper bound; rounding may reach it where the range is wide.</param>
    /// <param name="firstIndex">Where in the sequence to begin.</param>
    public void FillUniform(Span<float> destination, float minimum = 0f, float maximum = 1f, ulong firstIndex = 0)
    {
        for (int index = 0; index < destination.Length; index++)
        {
            destination[index] = minimum + (maximum - minimum) * Uniform(firstIndex + (ulong)index);
        }
    }

    /// <summary>Fills <paramref name="destination"/> with normally distributed numbers.</summary>
    /// <param name="destination">Where to; element i gets number <paramref name="firstIndex"/> + i.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="deviation">The standard deviation.</param>
    /// <param name="firstIndex">Where in the sequence to begin.</param>
    public void FillNormal(Span<float> destination, float mean = 0f, float deviation = 1f, ulong firstIndex = 0)
    {
        for (int index = 0; index < destination.Length; index++)
        {
            destination[index] = mean + deviation * Normal(firstIndex + (ulong)index);
        }
    }

    /// <summary>Number <paramref name="index"/> of those evenly spread over [0, 1), a multiple of 2^-24.</summary>
    /// <param name="index">Which.</param>
    /// <returns>The number.</returns>
    public float Uniform(ulong index) => (Word(index) >> 8) * (1f / (1 << 24));

    /// <summary>
    /// Number <paramref name="index"/> of those with a normal distribution, mean 0 and deviation 1, by the method of Box and
    /// Muller.
    /// </summary>
    /// <param name="index">Which.</param>
    /// <returns>The number, at most 6.7 in size.</returns>
    public float Normal(ulong index)
    {
        // Two words make a radius and an angle, and so two numbers; the radius needs a logarithm of what is not 0.
        ulong pair = index & ~1UL;
        double radius = Math.Sqrt(-2.0 * Math.Log((Word(pair) + 1.0) / 4294967296.0));
        (double sine, double cosine) = Math.SinCos(2.0 * Math.PI / 4294967296.0 * Word(pair + 1));
        return (float)(radius * ((index & 1) == 0 ? cosine : sine));
    }

    private uint Word(ulong index)
    {
        ulong counter = index / WordsPerCounter;
        Span<uint> words = [(uint)counter, (uint)(counter >> 32), 0, Domain];
        Philox.Generate(ref words[0], ref words[1], ref words[2], ref words[3], seed);
        return words[(int)(index % WordsPerCounter)];
    }
}
