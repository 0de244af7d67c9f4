using System.Diagnostics;
using Attention.Caching;

namespace Decode;

/// <summary>A prompt and what a decoder says to it, with one kind of cache.</summary>
internal sealed record Generation
{
    private const int Seed = 11;

    internal required int[] Tokens { get; init; }

    /// <summary>The logits that the last token was drawn from.</summary>
    internal required float[] LastLogits { get; init; }

    internal required double PrefillSeconds { get; init; }

    internal required double DecodeSeconds { get; init; }

    /// <summary>Of all layers.</summary>
    internal required double BytesPerToken { get; init; }

    /// <summary>Of all layers, at the end.</summary>
    internal required long AllocatedBytes { get; init; }

    /// <summary>Prefills with the prompt in parts of at most <paramref name="part"/> tokens, then decodes token by token.</summary>
    internal static Generation Run(Decoder decoder, KvCache[] caches, ReadOnlySpan<int> prompt, int count, int part = int.MaxValue)
    {
        int sequence = caches.Select(cache => cache.Add()).Distinct().Single();
        Sampler sampler = new(Seed);
        int[] tokens = new int[count];

        long start = Stopwatch.GetTimestamp();
        float[] logits = [];
        for (ReadOnlySpan<int> rest = prompt; !rest.IsEmpty; rest = rest[Math.Min(part, rest.Length)..])
        {
            logits = decoder.Continue(rest[..Math.Min(part, rest.Length)], caches, sequence);
        }

        double prefill = Stopwatch.GetElapsedTime(start).TotalSeconds;
        start = Stopwatch.GetTimestamp();
        tokens[0] = sampler.Next(logits);
        for (int i = 1; i < count; i++)
        {
            logits = decoder.Continue([tokens[i - 1]], caches, sequence);
            tokens[i] = sampler.Next(logits);
        }

        return new Generation
        {
            Tokens = tokens,
            LastLogits = logits,
            PrefillSeconds = prefill,
            DecodeSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            BytesPerToken = caches.Sum(cache => cache.BytesPerToken),
            AllocatedBytes = caches.Sum(cache => cache.AllocatedBytes),
        };
    }

    /// <summary>How many tokens are the same before the first that is not.</summary>
    internal int Agreeing(Generation other) => Tokens.AsSpan().CommonPrefixLength(other.Tokens);
}
