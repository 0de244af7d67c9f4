using Attention.Numerics;

namespace Attention.Layers;

/// <content>How each distribution fills a piece of a tensor, given the number of the piece's first element.</content>
public static unsafe partial class Initialization
{
    private interface IElementFill
    {
        void Fill(Span<float> destination, ulong firstIndex);
    }

    private readonly struct ConstantFill(float value) : IElementFill
    {
        public void Fill(Span<float> destination, ulong firstIndex) => destination.Fill(value);
    }

    private readonly struct UniformFill(PhiloxRandom random, float low, float high) : IElementFill
    {
        public static UniformFill Create(PhiloxRandom random, float low, float high)
        {
            if (!float.IsFinite(low))
            {
                Throw.OutOfRange(nameof(low), low, $"'{nameof(low)}' is {low}; expected a finite number.");
            }

            if (!(high >= low && float.IsFinite(high - low)))
            {
                Throw.OutOfRange(nameof(high), high, $"'{nameof(high)}' is {high}; expected a finite number not below '{nameof(low)}', {low}, and a finite distance.");
            }

            return new UniformFill(random, low, high);
        }

        public void Fill(Span<float> destination, ulong firstIndex) => random.FillUniform(destination, low, high, firstIndex);
    }

    private readonly struct NormalFill(PhiloxRandom random, float mean, float deviation) : IElementFill
    {
        public static NormalFill Create(PhiloxRandom random, float mean, float deviation)
        {
            CheckMoments(mean, deviation);
            return new NormalFill(random, mean, deviation);
        }

        public void Fill(Span<float> destination, ulong firstIndex) => random.FillNormal(destination, mean, deviation, firstIndex);
    }

    private readonly struct TruncatedNormalFill(PhiloxRandom random, float mean, float deviation, float limit) : IElementFill
    {
        /// <summary>Below it nine draws in ten are thrown away, and what remains is even to half a percent.</summary>
        private const float SmallestLimit = 0.1f;

        /// <summary>From one draw for an element to its next: beyond the elements of any span.</summary>
        private const ulong Redraw = 1UL << 40;

        public static TruncatedNormalFill Create(PhiloxRandom random, float mean, float deviation, float limit)
        {
            CheckMoments(mean, deviation);
            if (!(limit >= SmallestLimit))
            {
                Throw.OutOfRange(nameof(limit), limit, $"'{nameof(limit)}' is {limit}; expected at least {SmallestLimit}; below, use {nameof(Uniform)}.");
            }

            return new TruncatedNormalFill(random, mean, deviation, limit);
        }

        public void Fill(Span<float> destination, ulong firstIndex)
        {
            for (int element = 0; element < destination.Length; element++)
            {
                ulong index = firstIndex + (ulong)element;
                float number = random.Normal(index);
                while (Math.Abs(number) > limit)
                {
                    index += Redraw;
                    number = random.Normal(index);
                }

                destination[element] = mean + deviation * number;
            }
        }
    }

    private static void CheckMoments(float mean, float deviation)
    {
        if (!float.IsFinite(mean))
        {
            Throw.OutOfRange(nameof(mean), mean, $"'{nameof(mean)}' is {mean}; expected a finite number.");
        }

        if (!(deviation >= 0 && float.IsFinite(deviation)))
        {
            Throw.OutOfRange(nameof(deviation), deviation, $"'{nameof(deviation)}' is {deviation}; expected a finite number, 0 or more.");
        }
    }
}
