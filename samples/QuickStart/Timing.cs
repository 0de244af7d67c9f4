using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Mechanisms;

namespace QuickStart;

/// <summary>Times the library's attention against the plain loop, in turn, on the same numbers.</summary>
internal static class Timing
{
    internal static void Print(string what, int heads, int length, int headSize, int repeats)
    {
        int count = heads * length * headSize;
        float[] query = Numbers(count, 1);
        float[] key = Numbers(count, 2);
        float[] value = Numbers(count, 3);
        float[] plainOutput = new float[count];
        float[] output = new float[count];

        void Plain() => PlainAttention.Forward(query, key, value, plainOutput, heads, length, headSize);

        void Library()
        {
            ReadOnlySpan<nint> shape = [1, heads, length, headSize];
            ScaledDotProductAttention.Forward(
                new ReadOnlyTensorSpan<float>(query, shape),
                new ReadOnlyTensorSpan<float>(key, shape),
                new ReadOnlyTensorSpan<float>(value, shape),
                new TensorSpan<float>(output, shape));
        }

        (double plain, double library, double ratio) = Compare(Plain, Library, repeats);
        double operations = 4.0 * heads * length * length * headSize;
        Console.WriteLine(
            $"  {what,-36} plain loop {plain * 1e3,9:F3} ms   library {library * 1e3,8:F3} ms   {ratio,5:F1} times as fast"
            + $"   ({operations / library / 1e9:F1} GFLOP/s)");
    }

    /// <summary>Medians of both times and of the ratios of neighbouring runs.</summary>
    private static (double First, double Second, double Ratio) Compare(Action first, Action second, int repeats)
    {
        double[] firstTimes = new double[repeats];
        double[] secondTimes = new double[repeats];
        double[] ratios = new double[repeats];
        int calls = CallsPerRun(second);
        first();
        for (int i = 0; i < repeats; i++)
        {
            firstTimes[i] = Seconds(first, 1);
            secondTimes[i] = Seconds(second, calls);
            ratios[i] = firstTimes[i] / secondTimes[i];
        }

        return (Median(firstTimes), Median(secondTimes), Median(ratios));
    }

    /// <summary>As many calls as fill about ten milliseconds, so that the clock's grain does not matter.</summary>
    private static int CallsPerRun(Action action)
    {
        action();
        return Math.Clamp((int)(0.01 / Seconds(action, 1)), 1, 1000);
    }

    private static double Seconds(Action action, int calls)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < calls; i++)
        {
            action();
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / calls;
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }

    private static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = random.NextSingle() * 2f - 1f;
        }

        return numbers;
    }
}
