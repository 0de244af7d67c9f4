namespace Attention.Comparison.Work;

/// <summary>Repeatable numbers with mean 0 and variance 1.</summary>
internal static class NormalNumbers
{
    internal static float[] Create(long count, int seed)
    {
        var random = new Random(seed);
        var numbers = new float[count];
        for (long i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            numbers[i] = (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return numbers;
    }
}
