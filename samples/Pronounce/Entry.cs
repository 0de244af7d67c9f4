namespace Pronounce;

/// <summary>A word of the dictionary.</summary>
/// <param name="Word">The word in capitals.</param>
/// <param name="Letters">Its letters.</param>
/// <param name="Pronunciations">Each of its pronunciations.</param>
internal sealed record Entry(string Word, int[] Letters, int[][] Pronunciations);
