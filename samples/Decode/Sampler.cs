using System.Numerics.Tensors;

namespace Decode;

/// <summary>Draws tokens from the softmax of logits, with random numbers of a fixed seed.</summary>
internal sealed class Sampler(int seed)
{
    private readonly Random _random = new(seed);

    internal int Next(ReadOnlySpan<float> logits)
    {
        float largest = TensorPrimitives.Max(logits);
        float sum = 0;
        foreach (float logit in logits)
        {
            sum += MathF.Exp(logit - largest);
        }

        float left = _random.NextSingle() * sum;
        for (int token = 0; token < logits.Length; token++)
        {
            left -= MathF.Exp(logits[token] - largest);
            if (left < 0)
            {
                return token;
            }
        }

        return logits.Length - 1;
    }
}
