using System.Globalization;
using Attention.Caching;
using Attention.Simd;
using Decode;

// Prefills and decodes a small decoder with each kind of cache and storage: how fast, how large, and whether the tokens are
// the same. Then a conversation that forks. Exit code 1 if what must agree does not; timings are printed and never judged.
const int PromptLength = 256;
const int Generated = 64;
const int Part = 100;
const float LargestAllowed = 1e-4f;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
using Decoder decoder = new();
Random random = new(7);
int[] prompt = new int[PromptLength];
for (int i = 0; i < prompt.Length; i++)
{
    prompt[i] = random.Next(Decoder.Vocabulary);
}

Console.WriteLine($"A decoder of random weights: {Decoder.Description}.");
Console.WriteLine($"A prompt of {PromptLength} tokens, then {Generated} drawn one by one.");
Console.WriteLine($"Vectors: {SimdWidths.Preferred}. Processors: {Environment.ProcessorCount}.");
Console.WriteLine();
Console.WriteLine("cache       storage    prefill tok/s  decode tok/s  bytes/token  memory KiB  tokens as with float32, contiguous");

CacheKind[] kinds = CacheKind.All(PromptLength, Generated);
Generation reference = Run(kinds[0], KvStorage.Float32, PromptLength); // not in the table: the first run pays for compiling and memory
bool right = true;
foreach (KvStorage storage in Enum.GetValues<KvStorage>())
{
    Generation? contiguous = null;
    foreach (CacheKind kind in kinds)
    {
        Generation generation = Run(kind, storage, PromptLength);
        contiguous ??= generation;
        bool agrees = generation.Agreeing(contiguous) >= kind.TokensThatMustAgree;
        right &= agrees;
        Console.WriteLine(
            $"{kind.Name,-11} {storage,-9} {PromptLength / generation.PrefillSeconds,14:F0} {(Generated - 1) / generation.DecodeSeconds,13:F0} "
            + $"{generation.BytesPerToken,12:F0} {generation.AllocatedBytes / 1024.0,11:F0}  first {generation.Agreeing(reference)} of {Generated}"
            + (agrees ? "" : $"  WRONG, the first {kind.TokensThatMustAgree} must be those of the contiguous {storage} cache"));
    }
}

Console.WriteLine();
Console.WriteLine($"The rolling cache sees what the others see for {kinds[1].TokensThatMustAgree} tokens; then its window of {PromptLength + Generated / 4} is full.");
Generation parts = Run(kinds[0], KvStorage.Float32, Part);
bool sameBits = parts.LastLogits.AsSpan().SequenceEqual(reference.LastLogits) && parts.Agreeing(reference) == Generated;
right &= sameBits;
Console.WriteLine($"Prefill in parts of {Part} tokens: {(sameBits ? "the same bits" : "OTHER NUMBERS")}.");

float[] whole = decoder.Whole([.. prompt, .. reference.Tokens[..^1]]);
float difference = whole.Zip(reference.LastLogits, (first, second) => MathF.Abs(first - second)).Max();
bool close = difference <= LargestAllowed;
right &= close;
Console.WriteLine($"Logits of one pass without a cache: largest difference {difference:E1} {(close ? "ok" : $"TOO LARGE, at most {LargestAllowed:E0} is allowed")}.");

Console.WriteLine();
Console.WriteLine("Several answers to one prompt, paged cache:");
right &= ForkedConversation.Show(decoder, prompt);
return right ? 0 : 1;

Generation Run(CacheKind kind, KvStorage storage, int part)
{
    KvCache[] caches = decoder.Caches(kind.Create, storage);
    Generation generation = Generation.Run(decoder, caches, prompt, Generated, part);
    Array.ForEach(caches, cache => cache.Dispose());
    return generation;
}
