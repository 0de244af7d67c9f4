using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using Attention.AotSmoke;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;

// Causal attention and a small stack of layers, forward, backward and from a cache, through the packaged library, compiled
// ahead of time: checked, then timed. Exit code 1 if anything differs. The timing is printed and never judged.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Console.WriteLine($"width: {SimdWidths.Preferred}");

const int Heads = 3;
const int Length = 131;
const int HeadSize = 40;
bool right = Check(Heads, Length, HeadSize)
    & TinyDecoder.Check(Numbers(TinyDecoder.Count, 5), Numbers(TinyDecoder.Count, 6), Numbers(TinyDecoder.Count, 7));
Time(heads: 8, length: 512, headSize: 64);
return right ? 0 : 1;

static bool Check(int heads, int length, int headSize)
{
    nint[] shape = [1, heads, length, headSize];
    int count = heads * length * headSize;
    float[] query = Numbers(count, 1);
    float[] key = Numbers(count, 2);
    float[] value = Numbers(count, 3);
    float[] outputGradient = Numbers(count, 4);
    float[] output = new float[count];
    float[] logSumExp = new float[heads * length];
    float[] queryGradient = new float[count];
    float[] keyGradient = new float[count];
    float[] valueGradient = new float[count];

    ReadOnlyTensorSpan<float> queries = new(query, shape);
    ReadOnlyTensorSpan<float> keys = new(key, shape);
    ReadOnlyTensorSpan<float> values = new(value, shape);
    TensorSpan<float> outputs = new(output, shape);
    TensorSpan<float> logSumExps = new(logSumExp, [1, heads, length]);
    CausalMask mask = CausalMask.TopLeft;
    ScaledDotProductAttention.Forward(queries, keys, values, mask, default(NoModifier), default, outputs, logSumExps);
    ScaledDotProductAttention.Backward(
        queries, keys, values, mask, default(NoModifier), default, outputs, logSumExps,
        new ReadOnlyTensorSpan<float>(outputGradient, shape), default,
        new TensorSpan<float>(queryGradient, shape), new TensorSpan<float>(keyGradient, shape), new TensorSpan<float>(valueGradient, shape),
        default);

    PlainLoop expected = new(query, key, value, outputGradient, heads, length, headSize);
    return Agree("output", expected.Output, output)
        & Agree("query gradient", expected.QueryGradient, queryGradient)
        & Agree("key gradient", expected.KeyGradient, keyGradient)
        & Agree("value gradient", expected.ValueGradient, valueGradient);
}

static bool Agree(string name, double[] expected, float[] actual)
{
    // Sums of at most 131 terms of about size one: as many roundings of 6e-8 in the worst case.
    const double Allowed = 8e-6;
    double largest = 0;
    for (int i = 0; i < expected.Length; i++)
    {
        largest = Math.Max(largest, Math.Abs(expected[i] - actual[i]));
    }

    bool agrees = largest <= Allowed;
    Console.WriteLine($"{name}: largest difference {largest:E1} {(agrees ? "ok" : $"TOO LARGE, at most {Allowed:E0} is allowed")}");
    return agrees;
}

static void Time(int heads, int length, int headSize)
{
    nint[] shape = [1, heads, length, headSize];
    int count = heads * length * headSize;
    float[] query = Numbers(count, 1);
    float[] key = Numbers(count, 2);
    float[] value = Numbers(count, 3);
    float[] output = new float[count];
    double fastest = double.PositiveInfinity;
    for (int i = 0; i < 5; i++)
    {
        long start = Stopwatch.GetTimestamp();
        ScaledDotProductAttention.Forward(
            new ReadOnlyTensorSpan<float>(query, shape),
            new ReadOnlyTensorSpan<float>(key, shape),
            new ReadOnlyTensorSpan<float>(value, shape),
            new TensorSpan<float>(output, shape));
        fastest = Math.Min(fastest, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    double operations = 4.0 * heads * length * length * headSize;
    Console.WriteLine($"speed: {operations / fastest / 1e9:F1} GFLOP/s on {Environment.ProcessorCount} processors, {heads} heads, {length} x {length}, size {headSize}");
}

static float[] Numbers(int count, int seed)
{
    Random random = new(seed);
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++)
    {
        numbers[i] = random.NextSingle() * 2f - 1f;
    }

    return numbers;
}
