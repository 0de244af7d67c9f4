using Attention.Numerics;

namespace Attention.Layers;

/// <summary>The first numbers of parameters, and checks of what constructors are given.</summary>
internal static class Initial
{
    internal static float[] Ones(int count)
    {
        float[] values = new float[count];
        Array.Fill(values, 1f);
        return values;
    }

    internal static float CheckEpsilon(float epsilon, string name = "epsilon") =>
        epsilon >= 0 && float.IsFinite(epsilon)
            ? epsilon
            : throw new ArgumentOutOfRangeException(name, epsilon, "Epsilon is a finite number that is not negative.");

    internal static float CheckProbability(float probability, string name) =>
        probability is >= 0 and <= 1
            ? probability
            : throw new ArgumentOutOfRangeException(name, probability, "A probability lies in [0, 1].");

    internal static TKind CheckDefined<TKind>(TKind kind, string name)
        where TKind : struct, Enum =>
        Enum.IsDefined(kind)
            ? kind
            : throw new ArgumentOutOfRangeException(name, kind, $"There is no {typeof(TKind).Name} {kind}.");

    /// <summary>A seed for the part number <paramref name="part"/> of a layer, so that no two parts start alike.</summary>
    internal static ulong Seed(ulong seed, int part) => Mix(Mix(seed) + (ulong)part + 1);

    /// <summary>The finaliser of SplitMix64 (Steele, Lea and Flood 2014): neighbouring numbers come out unrelated.</summary>
    private static ulong Mix(ulong number)
    {
        number = unchecked(number + 0x9E3779B97F4A7C15);
        number = unchecked((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9);
        number = unchecked((number ^ (number >> 27)) * 0x94D049BB133111EB);
        return number ^ (number >> 31);
    }

    /// <summary>Glorot uniform for a matrix <c>[outputSize, inputSize]</c>, its fans being those two.</summary>
    internal static float[] Glorot(ulong seed, int outputSize, int inputSize)
    {
        float[] values = new float[Count(outputSize, inputSize)];
        Initialization.GlorotUniform(values, new PhiloxRandom(seed), inputSize, outputSize);
        return values;
    }

    /// <summary>The numbers of a matrix, which one array must hold.</summary>
    internal static int Count(int rows, int columns) => (long)rows * columns <= Array.MaxLength
        ? rows * columns
        : throw new ArgumentException($"A matrix of {rows} x {columns} numbers is larger than one array holds ({Array.MaxLength}).");

    internal static float[] Normal(ulong seed, int count, float deviation)
    {
        float[] values = new float[count];
        Initialization.Normal(values, new PhiloxRandom(seed), 0f, deviation);
        return values;
    }
}
