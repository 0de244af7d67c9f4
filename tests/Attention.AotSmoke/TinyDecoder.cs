using System.Globalization;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Layers;
using Attention.Operators;
using Attention.Policies;
using Attention.Positions;

namespace Attention.AotSmoke;

/// <summary>
/// A small stack of layers, whose masks reach the backend through generic methods of an interface: forward, backward, and a
/// prompt and steps from a paged cache.
/// </summary>
internal static class TinyDecoder
{
    private const int ModelSize = 24;
    private const int Batch = 2;
    private const int Length = 21;
    private const int Prompt = 18;

    internal static bool Check(float[] numbers, float[] outputGradient, float[] direction)
    {
        TransformerOptions options = new()
        {
            Attention = new MultiHeadAttentionOptions
            {
                ModelSize = ModelSize,
                Heads = 4,
                KeyValueHeads = 2,
                Rotary = new Rotation(new RotaryTable(6), RotaryLayout.Interleaved),
            },
            FeedForwardSize = 40,
            FeedForward = FeedForwardKind.SwiGlu,
            Norm = NormalizationKind.RootMeanSquare,
            NormOrder = NormOrder.Pre,
        };
        using TransformerEncoder stack = new(2, options);
        return CheckGradient(stack, numbers, outputGradient, direction) & CheckCache(stack, numbers);
    }

    internal static int Count => Batch * Length * ModelSize;

    /// <summary>The gradient along a direction against the difference of two forward passes.</summary>
    private static bool CheckGradient(TransformerEncoder stack, float[] numbers, float[] outputGradient, float[] direction)
    {
        using Tape tape = new();
        using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Length, ModelSize));
        using Variable output = stack.Forward(input, CausalMask.TopLeft);
        using DeviceTensor gradient = DeviceTensor.Create(CpuBackend.Shared, outputGradient, Batch, Length, ModelSize);
        tape.Backward(output, gradient);
        double slope = Dot(input.Gradient!.ToArray(), direction);

        // Half a step of 1/256: what is left of the third derivative and of float's rounding is far below a hundredth.
        const float Step = 1f / 256;
        double later = Dot(Forward(stack, Moved(numbers, direction, Step)), outputGradient);
        double earlier = Dot(Forward(stack, Moved(numbers, direction, -Step)), outputGradient);
        double expected = (later - earlier) / (2 * Step);
        bool agrees = Math.Abs(slope - expected) <= 0.01 * Math.Max(1, Math.Abs(expected));
        bool complete = stack.NamedParameters().All(entry => entry.Value.Gradient is not null);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"layer gradient: slope {slope:F4}, by differences {expected:F4} {(agrees && complete ? "ok" : "TOO FAR, OR A PARAMETER HAS NONE")}"));
        return agrees && complete;
    }

    /// <summary>A prompt and single steps from a cache against the pass without one.</summary>
    private static bool CheckCache(TransformerEncoder stack, float[] numbers)
    {
        float[] expected = Forward(stack, numbers);
        KvCache[] caches = [.. stack.Layers.Select(layer => new PagedKvCache(layer.SelfAttention.CacheOptions(), pages: 8))];
        int[] sequences = [caches.Max(cache => cache.Add()), caches.Max(cache => cache.Add())];
        double largest = 0;
        for (int start = 0; start < Length;)
        {
            int end = start == 0 ? Prompt : start + 1;
            using Variable whole = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Length, ModelSize));
            using Variable part = whole.Slice(1, start, end - start);
            using Variable output = stack.Forward(part, caches, sequences);
            float[] actual = output.Data.ToArray();
            for (int i = 0; i < actual.Length; i++)
            {
                int row = i / ModelSize;
                int position = row / (end - start) * Length + start + row % (end - start);
                largest = Math.Max(largest, Math.Abs(actual[i] - expected[position * ModelSize + i % ModelSize]));
            }

            start = end;
        }

        Array.ForEach(caches, cache => cache.Dispose());

        // Two orders of the same sums of normalised numbers, through two layers.
        const double Allowed = 1e-5;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"cached layers: largest difference {largest:E1} {(largest <= Allowed ? "ok" : $"TOO LARGE, at most {Allowed:E0} is allowed")}"));
        return largest <= Allowed;
    }

    private static float[] Forward(TransformerEncoder stack, float[] numbers)
    {
        using Variable input = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Length, ModelSize));
        using Variable output = stack.Forward(input, CausalMask.TopLeft);
        return output.Data.ToArray();
    }

    private static float[] Moved(float[] numbers, float[] direction, float step) =>
        [.. numbers.Zip(direction, (number, way) => number + step * way)];

    private static double Dot(float[] left, float[] right) => left.Zip(right, (x, y) => (double)x * y).Sum();
}
