using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What holds of Luong's attention whatever the numbers: empty axes, hidden states, order, limits, threads.</summary>
public class LuongAttentionLayerPropertyTests
{
    private const int Batch = 3;
    private const int Steps = 5;
    private const int Length = 9;
    private const int Size = 4;
    private static readonly int[] s_lengths = [9, 4, 0];

    public static TheoryData<LuongScore, LuongAlignment> Kinds => new()
    {
        { LuongScore.Dot, LuongAlignment.Global },
        { LuongScore.General, LuongAlignment.Global },
        { LuongScore.Concat, LuongAlignment.Global },
        { LuongScore.Location, LuongAlignment.Global },
        { LuongScore.Dot, LuongAlignment.LocalMonotonic },
        { LuongScore.General, LuongAlignment.LocalPredictive },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EmptyAxes_GiveEmptyResultsAndGradientsOfZero(LuongScore score, LuongAlignment alignment)
    {
        foreach ((int batch, int steps, int length) in (ReadOnlySpan<(int, int, int)>)[(0, 3, 5), (2, 0, 5), (0, 0, 0), (2, 3, 0)])
        {
            using LuongAttentionLayer layer = Create(score, alignment);
            using var tape = new Tape();
            using Variable queries = tape.Watch(LayerNumbers.Tensor(1, batch, steps, Size));
            using Variable states = tape.Watch(LayerNumbers.Tensor(2, batch, length, Size));
            using LuongMemory memory = layer.Prepare(states);
            using Variable output = layer.Forward(queries, memory);
            using DeviceTensor weights = layer.Weights(queries, memory);
            using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
            tape.Backward(output, gradient);

            output.Data.Lengths.ToArray().Should().Equal(batch, steps, 7);
            weights.Lengths.ToArray().Should().Equal(batch, steps, length);
            foreach ((string name, Parameter parameter) in layer.NamedParameters())
            {
                bool isZero = batch * steps == 0 || name != "combine.weight";
                (parameter.Gradient?.ToArray() ?? []).Where(x => isZero ? x != 0 : !float.IsFinite(x)).Should().BeEmpty("{0}", name);
            }
        }
    }

    /// <summary>A step that sees nothing has the context 0 and passes nothing on: neither to states nor to what scores are made of.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void StepsThatSeeNothing_HaveContextAndGradientsOfZero(LuongScore score, LuongAlignment alignment)
    {
        using LuongAttentionLayer layer = Create(score, alignment);
        using var tape = new Tape();
        using Variable queries = tape.Watch(LayerNumbers.Tensor(1, Batch, Steps, Size));
        using Variable states = tape.Watch(LayerNumbers.Tensor(2, Batch, Length, Size));
        using LuongMemory memory = layer.Prepare(states, s_lengths);
        using Variable output = layer.Forward(queries, memory, default(NoMask).Not());
        using DeviceTensor weights = layer.Weights(queries, memory, default(NoMask).Not());
        using Variable plain = queries.Detach();
        using Variable empty = LayerNumbers.Input(2, Batch, 0, Size);
        using LuongMemory nothing = layer.Prepare(empty);
        Tolerance.SameBits("output", output.Data.ToArray(), LayerNumbers.Take(layer.Forward(plain, nothing)));
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        tape.Backward(output, gradient);

        weights.ToArray().Should().OnlyContain(x => x == 0);
        states.Gradient!.ToArray().Should().OnlyContain(x => x == 0);
        queries.Gradient!.ToArray().Should().OnlyContain(x => float.IsFinite(x));
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            parameter.Gradient!.ToArray().Should().OnlyContain(x => name == "combine.weight" ? float.IsFinite(x) : x == 0, "{0}", name);
        }
    }

    /// <summary>Behind a mask that no step sees through a state may be anything, where scores are made of the states themselves or not at all.</summary>
    [Theory]
    [InlineData(LuongScore.Dot, LuongAlignment.Global)]
    [InlineData(LuongScore.General, LuongAlignment.Global)]
    [InlineData(LuongScore.Location, LuongAlignment.Global)]
    [InlineData(LuongScore.Dot, LuongAlignment.LocalMonotonic)]
    [InlineData(LuongScore.General, LuongAlignment.LocalPredictive)]
    public void WhatAMaskHides_ChangesNoBit(LuongScore score, LuongAlignment alignment)
    {
        using LuongAttentionLayer layer = Create(score, alignment);
        Dictionary<string, float[]> expected = Run(0);
        foreach (float poison in (ReadOnlySpan<float>)[float.NaN, float.NegativeInfinity])
        {
            foreach ((string name, float[] numbers) in Run(poison))
            {
                numbers.Should().OnlyContain(x => float.IsFinite(x), "{0}", name);
                Tolerance.SameBits(name, numbers, expected[name]);
            }
        }

        Dictionary<string, float[]> Run(float hidden)
        {
            using var tape = new Tape();
            float[] numbers = LayerNumbers.Tensor(2, Batch, Length, Size).ToArray();
            using Variable queries = tape.Watch(LayerNumbers.Tensor(1, Batch, Steps, Size));
            using Variable states = tape.Watch(DeviceTensor.Create(
                layer.Backend, [.. numbers.Select((x, i) => i / Size % Length == 2 ? hidden : x)], Batch, Length, Size));
            using LuongMemory memory = layer.Prepare(states);
            using Variable output = layer.Forward(queries, memory, default(ThirdHidden));
            using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
            tape.Backward(output, gradient);
            Dictionary<string, float[]> results = LayerNumbers.TakeGradients(layer);
            results["output"] = output.Data.ToArray();
            results["queries"] = queries.Gradient!.ToArray();
            results["states"] = states.Gradient!.ToArray();
            return results;
        }
    }

    /// <summary>Content scores do not ask where a state stands; location asks nothing else.</summary>
    [Theory]
    [InlineData(LuongScore.Dot, true)]
    [InlineData(LuongScore.General, true)]
    [InlineData(LuongScore.Concat, true)]
    [InlineData(LuongScore.Location, false)]
    public void OrderOfStates_MattersToLocationAlone(LuongScore score, bool isEqual)
    {
        int[] order = [4, 0, 8, 2, 6, 1, 7, 3, 5];
        using LuongAttentionLayer layer = Create(score, LuongAlignment.Global);
        using Variable queries = LayerNumbers.Input(1, 1, Steps, Size);
        using Variable states = LayerNumbers.Input(2, 1, Length, Size);
        float[][] rows = [.. states.Data.ToArray().Chunk(Size)];
        using Variable turned = Variable.Constant(
            DeviceTensor.Create(layer.Backend, [.. order.SelectMany(row => rows[row])], 1, Length, Size));
        using LuongMemory memory = layer.Prepare(states);
        using LuongMemory other = layer.Prepare(turned);
        float[] expected = LayerNumbers.Take(layer.Forward(queries, memory));
        float[] actual = LayerNumbers.Take(layer.Forward(queries, other));
        if (!isEqual)
        {
            actual.Zip(expected, (x, y) => Math.Abs(x - y)).Max().Should().BeGreaterThan(1e-2f);
            return;
        }

        Tolerance.Reordered("output", actual, expected);
        using DeviceTensor weights = layer.Weights(queries, memory);
        using DeviceTensor turnedWeights = layer.Weights(queries, other);
        Tolerance.Reordered(
            "weights", turnedWeights.ToArray(), [.. weights.ToArray().Chunk(Length).SelectMany(row => order.Select(place => row[place]))]);
    }

    /// <summary>A window of any width around a predicted place is global attention: its Gaussian is 1 everywhere.</summary>
    [Fact]
    public void AnEndlessWindow_IsGlobalAttention()
    {
        using LuongAttentionLayer global = Create(LuongScore.General, LuongAlignment.Global);
        using LuongAttentionLayer local = Create(LuongScore.General, LuongAlignment.LocalPredictive, halfWidth: int.MaxValue);
        foreach ((string name, Parameter parameter) in local.NamedParameters())
        {
            if (LayerNumbers.Parameters(global).TryGetValue(name, out float[]? values))
            {
                LayerNumbers.Set(parameter, values);
            }
        }

        using Variable queries = LayerNumbers.Input(1, Batch, Steps, Size);
        using Variable states = LayerNumbers.Input(2, Batch, Length, Size);
        using LuongMemory globalMemory = global.Prepare(states, s_lengths);
        using LuongMemory localMemory = local.Prepare(states, s_lengths);
        Tolerance.Reordered(
            "output", LayerNumbers.Take(local.Forward(queries, localMemory)), LayerNumbers.Take(global.Forward(queries, globalMemory)));
    }

    /// <summary>A mask made for the source fits every score, however many places location has.</summary>
    [Theory]
    [InlineData(6, false)]
    [InlineData(6, true)]
    [InlineData(9, true)]
    [InlineData(12, false)]
    [InlineData(12, true)]
    public void AMaskOfTheSourcesLength_FitsLocation(int places, bool isCutAfter)
    {
        using LuongAttentionLayer layer = Create(LuongScore.Location, LuongAlignment.Global, places: places, isCutAfter: isCutAfter);
        using Variable queries = LayerNumbers.Input(1, Batch, Steps, Size);
        using Variable states = LayerNumbers.Input(2, Batch, Length, Size);
        using LuongMemory memory = layer.Prepare(states);
        bool[] allowed = [.. Enumerable.Range(0, Steps * Length).Select(i => (i * 7 % 5) != 1)];
        ReferenceLuong reference = new(Size, Size, LuongScore.Location, LuongAlignment.Global)
        {
            Weights = LayerNumbers.Doubles(layer),
            IsCutAfterSoftmax = isCutAfter,
            Mask = (_, step, key) => allowed[(step * Length) + key],
        };
        DenseMask dense = new(new(allowed, [Steps, Length], []));
        Check(dense, reference);
        int[] lengths = [9, 7, 2];
        Check(new KeyLengthMask(lengths), reference with { Mask = (batch, _, key) => key < lengths[batch] });

        void Check<TMask>(TMask mask, ReferenceLuong expected)
            where TMask : struct, IAttentionMask
        {
            (double[] output, double[] weights, _) = expected.Run(LayerNumbers.Doubles(queries.Data), LayerNumbers.Doubles(states.Data), Batch);
            using DeviceTensor actual = layer.Weights(queries, memory, mask);
            Tolerance.Golden("output", LayerNumbers.Take(layer.Forward(queries, memory, mask)), output);
            Tolerance.Golden("weights", actual.ToArray(), weights);
        }
    }

    /// <summary>Where location is cut after the softmax, how far a sentence is padded and masked beyond its end changes nothing.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LocationOfASentence_IsTheSameAloneAndPadded(bool isCutAfter)
    {
        using LuongAttentionLayer layer = Create(LuongScore.Location, LuongAlignment.Global, isCutAfter: isCutAfter);
        using Variable queries = LayerNumbers.Input(1, 1, Steps, Size);
        using Variable states = LayerNumbers.Input(2, 1, Length, Size);
        using Variable some = states.Slice(1, 0, 4);
        using LuongMemory padded = layer.Prepare(states, [4]);
        using LuongMemory alone = layer.Prepare(some);
        Tolerance.Reordered(
            "output", LayerNumbers.Take(layer.Forward(queries, padded, CausalMask.TopLeft)),
            LayerNumbers.Take(layer.Forward(queries, alone, CausalMask.TopLeft)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AStepUnderAMask_IsAForwardPassOfOne(LuongScore score, LuongAlignment alignment)
    {
        using LuongAttentionLayer layer = Create(score, alignment);
        using Variable queries = LayerNumbers.Input(1, Batch, 1, Size);
        using Variable query = queries.Reshape(Batch, Size);
        using Variable states = LayerNumbers.Input(2, Batch, Length, Size);
        using LuongMemory memory = layer.Prepare(states, s_lengths);
        float[] masked = LayerNumbers.Take(layer.Step(query, memory, default(ThirdHidden), 3));

        Tolerance.SameBits("output", masked, LayerNumbers.Take(layer.Forward(queries, memory, default(ThirdHidden), 3)));
        masked.Should().NotEqual(LayerNumbers.Take(layer.Step(query, memory, 3)));
    }

    [Fact]
    public void TheMemoryOfAnotherLayer_IsRefused()
    {
        using LuongAttentionLayer concat = Create(LuongScore.Concat, LuongAlignment.Global);
        using var wider = new LuongAttentionLayer(
            new LuongAttentionOptions { QuerySize = Size, MemorySize = Size, Score = LuongScore.Concat, ScoreSize = 6 });
        using LuongAttentionLayer dot = Create(LuongScore.Dot, LuongAlignment.Global);
        using Variable queries = LayerNumbers.Input(1, Batch, Steps, Size);
        using Variable states = LayerNumbers.Input(2, Batch, Length, Size);
        using LuongMemory memory = concat.Prepare(states);

        FluentActions.Invoking(() => wider.Forward(queries, memory)).Should().Throw<ArgumentException>().WithParameterName("memory");
        FluentActions.Invoking(() => dot.Forward(queries, memory)).Should().Throw<ArgumentException>().WithParameterName("memory");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Threads_ChangeNoBit(LuongScore score, LuongAlignment alignment)
    {
        float[] expected = [];
        foreach (int threads in (ReadOnlySpan<int>)[1, 2, 3, 7])
        {
            var backend = new CpuBackend(threads);
            using LuongAttentionLayer layer = Create(score, alignment, backend: backend, places: 130);
            using var tape = new Tape();
            using Variable queries = tape.Watch(Tensor(backend, 1, 2, 90, Size));
            using Variable states = tape.Watch(Tensor(backend, 2, 2, 130, Size));
            using LuongMemory memory = layer.Prepare(states, [130, 77]);
            using Variable output = layer.Forward(queries, memory);
            using DeviceTensor gradient = Tensor(backend, 11, 2, 90, 7);
            tape.Backward(output, gradient);
            float[] results =
            [
                .. output.Data.ToArray(), .. queries.Gradient!.ToArray(), .. states.Gradient!.ToArray(),
                .. LayerNumbers.TakeGradients(layer).Values.SelectMany(numbers => numbers),
            ];
            expected = threads == 1 ? results : expected;
            Tolerance.SameBits("results", results, expected);
        }

        static DeviceTensor Tensor(CpuBackend backend, int seed, nint batch, nint length, nint size) =>
            DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(seed), (int)(batch * length * size)), batch, length, size);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void LargeScores_StayFinite(LuongScore score, LuongAlignment alignment)
    {
        using LuongAttentionLayer layer = Create(score, alignment);
        using var tape = new Tape();
        using Variable queries = tape.Watch(Larger(LayerNumbers.Tensor(1, Batch, Steps, Size)));
        using Variable states = tape.Watch(Larger(LayerNumbers.Tensor(2, Batch, Length, Size)));
        using LuongMemory memory = layer.Prepare(states, s_lengths);
        using Variable output = layer.Forward(queries, memory);
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        tape.Backward(output, gradient);

        float[] results =
        [
            .. output.Data.ToArray(), .. queries.Gradient!.ToArray(), .. states.Gradient!.ToArray(),
            .. LayerNumbers.TakeGradients(layer).Values.SelectMany(numbers => numbers),
        ];
        results.Should().OnlyContain(x => float.IsFinite(x));

        // Their products are about 1e4.
        static DeviceTensor Larger(DeviceTensor tensor) =>
            DeviceTensor.Create(CpuBackend.Shared, Array.ConvertAll(tensor.ToArray(), x => 100 * x), tensor.Lengths);
    }

    private static LuongAttentionLayer Create(
        LuongScore score, LuongAlignment alignment, int halfWidth = 2, int places = 12, bool isCutAfter = false, IComputeBackend? backend = null) =>
        LayerNumbers.Filled(
            new LuongAttentionLayer(
                new LuongAttentionOptions
                {
                    QuerySize = Size,
                    MemorySize = Size,
                    OutputSize = 7,
                    Score = score,
                    Alignment = alignment,
                    ScoreSize = 5,
                    PositionSize = 3,
                    HalfWidth = halfWidth,
                    MaxLength = places,
                    IsCutAfterSoftmax = isCutAfter,
                },
                backend),
            5);

    /// <summary>Hides state 2 from every step.</summary>
    private readonly struct ThirdHidden : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => key != 2;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
