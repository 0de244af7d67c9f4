using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What a memory of monotonic attention holds where no query may reach: it changes no bit of anything.</summary>
public class MonotonicAttentionLayerPaddingTests
{
    private const int Batch = 2;
    private const int Queries = 4;
    private const int Keys = 7;
    private const int QuerySize = 3;
    private const int MemorySize = 5;
    private static readonly int[] s_lengths = [Keys, 4];

    public static TheoryData<MonotonicEnergy, int> Kinds => MonotonicAttentionLayerTests.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void BeyondTheLengths_NothingMatters(MonotonicEnergy energy, int chunkWidth) =>
        CheckAll(energy, chunkWidth, new KeyLengthMask(s_lengths), (sequence, key) => key < s_lengths[sequence]);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void BehindAnyMask_NothingMatters(MonotonicEnergy energy, int chunkWidth) =>
        CheckAll(energy, chunkWidth, default(HoleMask), HoleMask.IsReached);

    /// <summary>A position that some query may reach, though not the first one, is no padding.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void WhatOneQueryMayReach_IsKept(MonotonicEnergy energy, int chunkWidth)
    {
        using MonotonicAttentionLayer layer = Layer(energy, chunkWidth);
        float[] numbers = AttentionProblems.Normal(new Random(2), Batch * Keys * MemorySize);
        var mask = CausalMask.BottomRight(Queries, Keys);
        (float[] output, _) = Run(layer, numbers, mask, isHard: false);
        numbers[(Keys - 1) * MemorySize] += 1;

        (float[] moved, _) = Run(layer, numbers, mask, isHard: false);

        int last = (Queries - 1) * MemorySize;
        Tolerance.SameBits("the queries before", moved.AsSpan(0, last), output.AsSpan(0, last));
        moved[last].Should().NotBe(output[last]);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Steps_DoNotSeePadding(MonotonicEnergy energy, int chunkWidth)
    {
        using MonotonicAttentionLayer layer = Layer(energy, chunkWidth);
        float[] numbers = AttentionProblems.Normal(new Random(2), Batch * Keys * MemorySize);
        float[] clean = Steps(layer, numbers);

        float[] poisoned = Steps(layer, Poisoned(numbers, (sequence, key) => key < s_lengths[sequence]));

        clean.Should().OnlyContain(number => float.IsFinite(number)).And.Contain(number => number != 0);
        Tolerance.SameBits("contexts", poisoned, clean);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void NothingAtAll_GivesNothing(MonotonicEnergy energy, int chunkWidth)
    {
        using MonotonicAttentionLayer layer = Layer(energy, chunkWidth);
        using Variable none = LayerNumbers.Input(1, 0, Queries, QuerySize);
        using Variable nowhere = LayerNumbers.Input(1, 0, Keys, MemorySize);
        using Variable row = LayerNumbers.Input(1, 0, QuerySize);
        using MonotonicMemory memory = layer.Remember(nowhere);
        using Variable output = layer.Forward(none, nowhere, default(NoMask));
        using Variable step = layer.Step(row, memory);
        output.Data.Lengths.ToArray().Should().Equal(0, Queries, MemorySize);
        step.Data.Lengths.ToArray().Should().Equal(0, MemorySize);

        // Without a query every position is one that no query reaches.
        using var tape = new Tape();
        using Variable noQueries = tape.Watch(LayerNumbers.Tensor(1, Batch, 0, QuerySize));
        float[] numbers = new float[Batch * Keys * MemorySize];
        Array.Fill(numbers, float.NaN);
        using Variable full = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Keys, MemorySize));
        using Variable empty = layer.Forward(noQueries, full, default(NoMask));
        using DeviceTensor gradient = DeviceTensor.Zeros(CpuBackend.Shared, Batch, 0, MemorySize);
        tape.Backward(empty, gradient);
        full.Gradient!.ToArray().Should().OnlyContain(number => number == 0);
        foreach ((string name, float[] values) in LayerNumbers.TakeGradients(layer))
        {
            values.Should().OnlyContain(number => number == 0, name);
        }
    }

    private static void CheckAll<TMask>(MonotonicEnergy energy, int chunkWidth, TMask mask, Func<int, int, bool> isReached)
        where TMask : struct, IAttentionMask
    {
        using MonotonicAttentionLayer layer = Layer(energy, chunkWidth);
        float[] numbers = AttentionProblems.Normal(new Random(2), Batch * Keys * MemorySize);
        foreach (bool isHard in (bool[])[false, true])
        {
            (float[] output, Dictionary<string, float[]> gradients) = Run(layer, numbers, mask, isHard);
            (float[] poisoned, Dictionary<string, float[]> poisonedGradients) = Run(layer, Poisoned(numbers, isReached), mask, isHard);
            output.Should().OnlyContain(number => float.IsFinite(number)).And.Contain(number => number != 0);
            Tolerance.SameBits("output", poisoned, output);
            poisonedGradients.Keys.Should().Equal(gradients.Keys);
            foreach ((string name, float[] gradient) in gradients)
            {
                gradient.Should().OnlyContain(number => float.IsFinite(number), name);
                Tolerance.SameBits(name, poisonedGradients[name], gradient);
            }

            gradients["memory"].Where((_, i) => !isReached(i / MemorySize / Keys, i / MemorySize % Keys))
                .Should().NotBeEmpty().And.OnlyContain(number => number == 0);
        }

        using Variable query = LayerNumbers.Input(1, Batch, Queries, QuerySize);
        using Variable clean = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Keys, MemorySize));
        using Variable other = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, Poisoned(numbers, isReached), Batch, Keys, MemorySize));
        Tolerance.SameBits(
            "weights", LayerNumbers.Take(layer.Weights(query, other, mask, isHard: false)), LayerNumbers.Take(layer.Weights(query, clean, mask, isHard: false)));
    }

    /// <summary>The contexts, and the gradients of what has one; hard attention learns through its memory alone, or through chunks.</summary>
    private static (float[] Output, Dictionary<string, float[]> Gradients) Run<TMask>(
        MonotonicAttentionLayer layer, float[] numbers, TMask mask, bool isHard)
        where TMask : struct, IAttentionMask
    {
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, Queries, QuerySize));
        using Variable memory = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Keys, MemorySize));
        using Variable output = isHard ? layer.ForwardHard(query, memory, mask) : layer.Forward(query, memory, mask);
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        tape.Backward(output, gradient);
        Dictionary<string, float[]> gradients = new() { ["memory"] = memory.Gradient!.ToArray() };
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            if (parameter.Gradient is { } found)
            {
                gradients[name] = found.ToArray();
            }
        }

        if (query.Gradient is { } queryGradient)
        {
            gradients["query"] = queryGradient.ToArray();
        }

        layer.ClearGradients();
        return (output.Data.ToArray(), gradients);
    }

    private static float[] Steps(MonotonicAttentionLayer layer, float[] numbers)
    {
        using Variable memory = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Keys, MemorySize));
        using MonotonicMemory kept = layer.Remember(memory, s_lengths);
        List<float> contexts = [];
        for (int step = 0; step < 5; step++)
        {
            using Variable query = LayerNumbers.Input(step, Batch, QuerySize);
            contexts.AddRange(LayerNumbers.Take(layer.Step(query, kept)));
        }

        return [.. contexts];
    }

    private static float[] Poisoned(float[] numbers, Func<int, int, bool> isReached) =>
        [.. numbers.Select((number, i) => isReached(i / MemorySize / Keys, i / MemorySize % Keys) ? number : float.NaN)];

    private static MonotonicAttentionLayer Layer(MonotonicEnergy energy, int chunkWidth)
    {
        MonotonicAttentionLayer layer = new(new MonotonicAttentionOptions
        {
            Energy = energy,
            QuerySize = QuerySize,
            MemorySize = MemorySize,
            EnergySize = 6,
            ChunkWidth = chunkWidth,
            Noise = 0,
        });
        return MonotonicAttentionLayerTests.Stopping(LayerNumbers.Filled(layer, 5, 0.8f));
    }

    /// <summary>Hides one position inside of each sequence from all queries, and others from some.</summary>
    private readonly struct HoleMask : IAttentionMask
    {
        public static bool IsReached(int sequence, int key) => key != 2 + sequence;

        public bool Allows(int batch, int head, int query, int key) => IsReached(batch, key) && (key < 5 || query > 1);

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
