using Attention.Caching;

namespace Decode;

/// <summary>
/// One prompt and several answers to it from a paged cache: the answers share the prompt's pages and are decoded in one batch.
/// </summary>
internal static class ForkedConversation
{
    private const int Answers = 4;
    private const int Length = 24;

    /// <summary>Returns whether every answer is, to the token, the one that a conversation of its own gets.</summary>
    internal static bool Show(Decoder decoder, ReadOnlySpan<int> prompt)
    {
        KvCache[] caches = decoder.Caches(CacheKind.Paged, KvStorage.Float32);
        int first = Add(caches);
        float[] logits = decoder.Continue(prompt, caches, first);
        Print("prompt in the cache", caches);

        int[] sequences = new int[Answers];
        sequences[0] = first;
        for (int i = 1; i < Answers; i++)
        {
            sequences[i] = caches.Select(cache => cache.Fork(first)).Distinct().Single();
        }

        Print($"forked into {Answers} conversations", caches);
        int[][] answers = Answer(decoder, caches, sequences, logits);
        Print($"{Length} tokens later", caches);
        foreach (int sequence in sequences[1..])
        {
            Array.ForEach(caches, cache => cache.Free(sequence));
        }

        Print("all but one freed", caches);
        Dispose(caches);

        bool right = true;
        for (int i = 0; i < Answers; i++)
        {
            bool same = answers[i].AsSpan().SequenceEqual(Alone(decoder, prompt, i));
            right &= same;
            Console.WriteLine(
                $"  answer {i}: {string.Join(' ', answers[i].Take(8))} ...  {(same ? "as in a conversation of its own" : "NOT AS in a conversation of its own")}");
        }

        return right;
    }

    /// <summary>Every step is one call for all conversations; each has a sampler of its own.</summary>
    private static int[][] Answer(Decoder decoder, KvCache[] caches, int[] sequences, float[] logits)
    {
        Sampler[] samplers = [.. sequences.Select((_, i) => new Sampler(i))];
        int[][] answers = [.. sequences.Select(_ => new int[Length])];
        int[] last = [.. samplers.Select(sampler => sampler.Next(logits))];
        for (int step = 0; step < Length; step++)
        {
            logits = decoder.Continue(last, caches, sequences);
            for (int i = 0; i < sequences.Length; i++)
            {
                answers[i][step] = last[i];
                last[i] = samplers[i].Next(logits.AsSpan(i * Decoder.Vocabulary, Decoder.Vocabulary));
            }
        }

        return answers;
    }

    private static int[] Alone(Decoder decoder, ReadOnlySpan<int> prompt, int seed)
    {
        KvCache[] caches = decoder.Caches(options => new ContiguousKvCache(options), KvStorage.Float32);
        int sequence = Add(caches);
        Sampler sampler = new(seed);
        int[] answer = new int[Length];
        float[] logits = decoder.Continue(prompt, caches, sequence);
        for (int step = 0; step < Length; step++)
        {
            answer[step] = sampler.Next(logits);
            logits = decoder.Continue([answer[step]], caches, sequence);
        }

        Dispose(caches);
        return answer;
    }

    private static int Add(KvCache[] caches) => caches.Select(cache => cache.Add()).Distinct().Single();

    private static void Dispose(KvCache[] caches) => Array.ForEach(caches, cache => cache.Dispose());

    private static void Print(string when, KvCache[] caches) =>
        Console.WriteLine($"  {when,-32} {caches.Sum(cache => ((PagedKvCache)cache).PagesInUse),4} pages in use");
}
