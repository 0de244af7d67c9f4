using System.Text.Json;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Luong's attention: numbers and gradients against plain loops in double, golden numbers, steps and batches.</summary>
public class LuongAttentionLayerTests
{
    private const int Batch = 3;
    private const int Steps = 5;
    private const int Length = 9;
    private static readonly int[] s_lengths = [9, 4, 1];

    /// <summary>Score, alignment, half width, whether location is cut after the softmax, places of location.</summary>
    public static TheoryData<LuongScore, LuongAlignment, int, bool, int> Kinds => new()
    {
        { LuongScore.Dot, LuongAlignment.Global, 0, false, 0 },
        { LuongScore.General, LuongAlignment.Global, 0, false, 0 },
        { LuongScore.Concat, LuongAlignment.Global, 0, false, 0 },
        { LuongScore.Location, LuongAlignment.Global, 0, false, 9 },
        { LuongScore.Location, LuongAlignment.Global, 0, false, 12 },
        { LuongScore.Location, LuongAlignment.Global, 0, false, 6 },
        { LuongScore.Location, LuongAlignment.Global, 0, true, 12 },
        { LuongScore.Location, LuongAlignment.Global, 0, true, 6 },
        { LuongScore.Dot, LuongAlignment.LocalMonotonic, 2, false, 0 },
        { LuongScore.General, LuongAlignment.LocalMonotonic, 0, false, 0 },
        { LuongScore.Dot, LuongAlignment.LocalPredictive, 2, false, 0 },
        { LuongScore.General, LuongAlignment.LocalPredictive, 1, false, 0 },
        { LuongScore.General, LuongAlignment.LocalPredictive, 0, false, 0 },
        { LuongScore.General, LuongAlignment.LocalPredictive, 20, false, 0 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OutputAndGradients_AgreeWithDouble(LuongScore score, LuongAlignment alignment, int halfWidth, bool isCutAfter, int places)
    {
        using LuongAttentionLayer layer = Create(score, alignment, halfWidth, isCutAfter, places);
        using var tape = new Tape();
        using Variable queries = tape.Watch(LayerNumbers.Tensor(1, Batch, Steps, 4));
        using Variable states = tape.Watch(LayerNumbers.Tensor(2, Batch, Length, StateSize(score)));
        using LuongMemory memory = layer.Prepare(states, s_lengths);
        using Variable output = layer.Forward(queries, memory, CausalMask.BottomRight(Steps, Length));
        double[] queryNumbers = LayerNumbers.Doubles(queries.Data);
        double[] stateNumbers = LayerNumbers.Doubles(states.Data);
        ReferenceLuong reference = Reference(layer, score, alignment, halfWidth, isCutAfter) with
        {
            Lengths = s_lengths,
            Mask = (_, step, key) => key <= step + 4,
        };
        output.Data.Lengths.ToArray().Should().Equal(Batch, Steps, 7);
        Tolerance.Golden("output", output.Data.ToArray(), reference.Forward(queryNumbers, stateNumbers, Batch));

        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        double[] factors = LayerNumbers.Doubles(gradient);
        double Loss() => reference.Forward(queryNumbers, stateNumbers, Batch).Zip(factors, (x, y) => x * y).Sum();
        tape.Backward(output, gradient);

        Tolerance.Golden("gradient of queries", queries.Gradient!.ToArray(), FiniteDifferences.Gradient(queryNumbers, Loss));
        Tolerance.Golden("gradient of states", states.Gradient!.ToArray(), FiniteDifferences.Gradient(stateNumbers, Loss));
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden($"gradient of {name}", parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(reference.Weights[name], Loss));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Weights_AgreeWithDouble(LuongScore score, LuongAlignment alignment, int halfWidth, bool isCutAfter, int places)
    {
        using LuongAttentionLayer layer = Create(score, alignment, halfWidth, isCutAfter, places);
        using Variable queries = LayerNumbers.Input(1, Batch, Steps, 4);
        using Variable states = LayerNumbers.Input(2, Batch, Length, StateSize(score));
        using LuongMemory memory = layer.Prepare(states, s_lengths);
        using DeviceTensor weights = layer.Weights(queries, memory, CausalMask.BottomRight(Steps, Length));
        ReferenceLuong reference = Reference(layer, score, alignment, halfWidth, isCutAfter) with
        {
            Lengths = s_lengths,
            Mask = (_, step, key) => key <= step + 4,
        };

        weights.Lengths.ToArray().Should().Equal(Batch, Steps, Length);
        Tolerance.Golden(
            "weights", weights.ToArray(), reference.Run(LayerNumbers.Doubles(queries.Data), LayerNumbers.Doubles(states.Data), Batch).Weights);
    }

    /// <summary>A decoder that goes step by step gets the numbers of teacher forcing.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Steps_AreTheBatch(LuongScore score, LuongAlignment alignment, int halfWidth, bool isCutAfter, int places)
    {
        using LuongAttentionLayer layer = Create(score, alignment, halfWidth, isCutAfter, places);
        using Variable queries = LayerNumbers.Input(1, Batch, Steps, 4);
        using Variable states = LayerNumbers.Input(2, Batch, Length, StateSize(score));
        using LuongMemory memory = layer.Prepare(states, s_lengths);
        float[] expected = LayerNumbers.Take(layer.Forward(queries, memory));
        float[] later = LayerNumbers.Take(layer.Forward(queries, memory, firstStep: 3));

        for (int step = 0; step < Steps; step++)
        {
            using Variable query = queries.Slice(1, step, 1);
            using Variable state = query.Reshape(Batch, 4);
            float[] actual = LayerNumbers.Take(layer.Step(state, memory, step));
            Tolerance.Reordered($"step {step}", actual, Step(expected, step));
            Tolerance.Reordered($"step {step + 3}", LayerNumbers.Take(layer.Step(state, memory, step + 3)), Step(later, step));
        }

        static float[] Step(float[] output, int step) =>
            [.. Enumerable.Range(0, Batch).SelectMany(batch => output[(((batch * Steps) + step) * 7)..(((batch * Steps) + step + 1) * 7)])];
    }

    /// <summary>What lies behind the end of a sentence may be anything, and a sentence alone has the numbers that it has in a batch.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_ChangesNothing(LuongScore score, LuongAlignment alignment, int halfWidth, bool isCutAfter, int places)
    {
        using LuongAttentionLayer layer = Create(score, alignment, halfWidth, isCutAfter, places);
        int size = StateSize(score);
        float[] numbers = AttentionProblems.Normal(new Random(2), Batch * Length * size);
        (float[] output, Dictionary<string, float[]> gradients) = Run(Padded(0));

        (float[] poisoned, Dictionary<string, float[]> poisonedGradients) = Run(Padded(float.NaN));

        Tolerance.SameBits("output", poisoned, output);
        foreach ((string name, float[] gradient) in gradients)
        {
            gradient.Should().NotContain(float.NaN);
            Tolerance.SameBits(name, poisonedGradients[name], gradient);
        }

        using Variable queries = LayerNumbers.Input(1, Batch, Steps, 4);
        using Variable query = queries.Slice(0, 1, 1);
        using Variable states = Variable.Constant(DeviceTensor.Create(layer.Backend, Padded(0).AsSpan(Length * size, 4 * size), 1, 4, size));
        using LuongMemory memory = layer.Prepare(states);
        Tolerance.Reordered("alone", LayerNumbers.Take(layer.Forward(query, memory)), output.AsSpan(Steps * 7, Steps * 7));

        float[] Padded(float filler) =>
            [.. numbers.Select((number, index) => index / size % Length < s_lengths[index / (size * Length)] ? number : filler)];

        (float[], Dictionary<string, float[]>) Run(float[] padded)
        {
            using var tape = new Tape();
            using Variable all = tape.Constant(LayerNumbers.Tensor(1, Batch, Steps, 4));
            using Variable source = tape.Watch(DeviceTensor.Create(layer.Backend, padded, Batch, Length, size));
            using LuongMemory prepared = layer.Prepare(source, s_lengths);
            using Variable result = layer.Forward(all, prepared);
            using DeviceTensor gradient = LayerNumbers.Tensor(11, result.Data.Lengths);
            tape.Backward(result, gradient);
            Dictionary<string, float[]> taken = LayerNumbers.TakeGradients(layer);
            taken["states"] = source.Gradient!.ToArray();
            return (result.Data.ToArray(), taken);
        }
    }

    [Theory]
    [InlineData("luong_dot", LuongScore.Dot, LuongAlignment.Global)]
    [InlineData("luong_general", LuongScore.General, LuongAlignment.Global)]
    [InlineData("luong_concat", LuongScore.Concat, LuongAlignment.Global)]
    [InlineData("luong_location_maxlen9_S7", LuongScore.Location, LuongAlignment.Global)]
    [InlineData("luong_local_m_t3_D2", LuongScore.Dot, LuongAlignment.LocalMonotonic)]
    [InlineData("luong_local_p_D2_dot", LuongScore.Dot, LuongAlignment.LocalPredictive)]
    public void Golden_WeightsContextAndPosition(string name, LuongScore score, LuongAlignment alignment)
    {
        using var layer = new LuongAttentionLayer(new LuongAttentionOptions
        {
            QuerySize = 4,
            MemorySize = 4,
            OutputSize = 4,
            Score = score,
            Alignment = alignment,
            ScoreSize = 3,
            PositionSize = 3,
            HalfWidth = 2,
            MaxLength = 9,
        });
        foreach ((string parameter, Parameter values) in layer.NamedParameters())
        {
            LayerNumbers.Set(values, parameter switch
            {
                // The paper's W_a stands between h_t and h_s, ours is its transpose.
                "attention.weight" when score == LuongScore.General => [.. Enumerable.Range(0, 16).Select(i => Wave(12, 16)[(i % 4 * 4) + (i / 4)])],
                "attention.weight" => score == LuongScore.Concat ? Wave(13, 24) : Wave(15, 36),
                "attention.score" => Wave(14, 3),
                "position.weight" => Wave(16, 12),
                "position.score" => Wave(17, 3),

                // The attentional vector is then tanh(c).
                _ => [.. Enumerable.Range(0, 32).Select(i => i % 8 == i / 8 ? 1f : 0f)],
            });
        }

        using Variable query = Variable.Constant(DeviceTensor.Create(layer.Backend, Wave(10, 4), 1, 1, 4));
        using Variable states = Variable.Constant(DeviceTensor.Create(layer.Backend, Wave(11, 28), 1, 7, 4));
        using LuongMemory memory = layer.Prepare(states);
        using Variable output = layer.Forward(query, memory, firstStep: 3);
        using DeviceTensor weights = layer.Weights(query, memory, firstStep: 3);

        Tolerance.Golden("weights", weights.ToArray(), Golden(name, "a"));
        Tolerance.Golden("tanh of the context", output.Data.ToArray(), Array.ConvertAll(Golden(name, "c"), Math.Tanh));
        if (alignment == LuongAlignment.LocalPredictive)
        {
            using Variable position = layer.PredictPositions(query, memory);
            Tolerance.Golden("position", position.Data.ToArray(), Golden(name, "p"));
        }

        static float[] Wave(int k, int count) => Array.ConvertAll(AttentionProblems.Wave(k, count), number => (float)number);
    }

    /// <summary>With the identity for W_a the general score is the product.</summary>
    [Fact]
    public void GeneralWithTheIdentity_IsDot()
    {
        using LuongAttentionLayer dot = LayerNumbers.Filled(Create(LuongScore.Dot, LuongAlignment.Global, 0, false, 0), 5);
        using LuongAttentionLayer general = new(new LuongAttentionOptions { QuerySize = 4, MemorySize = 4, OutputSize = 7 });
        Dictionary<string, Parameter> parameters = general.NamedParameters().ToDictionary();
        LayerNumbers.Set(parameters["attention.weight"], [.. Enumerable.Range(0, 16).Select(i => i % 5 == 0 ? 1f : 0f)]);
        LayerNumbers.Set(parameters["combine.weight"], LayerNumbers.Parameters(dot)["combine.weight"]);
        using Variable queries = LayerNumbers.Input(1, Batch, Steps, 4);
        using Variable states = LayerNumbers.Input(2, Batch, Length, 4);
        using LuongMemory dotMemory = dot.Prepare(states);
        using LuongMemory generalMemory = general.Prepare(states);

        Tolerance.SameBits(
            "output", LayerNumbers.Take(general.Forward(queries, generalMemory)), LayerNumbers.Take(dot.Forward(queries, dotMemory)));
    }

    /// <summary>The weights of location do not ask what the source says.</summary>
    [Fact]
    public void Location_IgnoresTheSource()
    {
        using LuongAttentionLayer layer = Create(LuongScore.Location, LuongAlignment.Global, 0, false, 12);
        using Variable queries = LayerNumbers.Input(1, Batch, Steps, 4);
        using Variable states = LayerNumbers.Input(2, Batch, Length, 6);
        using Variable others = LayerNumbers.Input(3, Batch, Length, 6);
        using LuongMemory memory = layer.Prepare(states);
        using LuongMemory other = layer.Prepare(others);
        using DeviceTensor weights = layer.Weights(queries, memory);
        using DeviceTensor otherWeights = layer.Weights(queries, other);

        Tolerance.SameBits("weights", otherWeights.ToArray(), weights.ToArray());
    }

    private static int StateSize(LuongScore score) => score == LuongScore.Dot ? 4 : 6;

    private static LuongAttentionLayer Create(LuongScore score, LuongAlignment alignment, int halfWidth, bool isCutAfter, int places) =>
        LayerNumbers.Filled(
            new LuongAttentionLayer(new LuongAttentionOptions
            {
                QuerySize = 4,
                MemorySize = StateSize(score),
                OutputSize = 7,
                Score = score,
                Alignment = alignment,
                ScoreSize = 5,
                PositionSize = 3,
                HalfWidth = halfWidth,
                MaxLength = places == 0 ? null : places,
                IsCutAfterSoftmax = isCutAfter,
            }),
            5);

    private static ReferenceLuong Reference(LuongAttentionLayer layer, LuongScore score, LuongAlignment alignment, int halfWidth, bool isCutAfter) =>
        new(4, StateSize(score), score, alignment)
        {
            Weights = LayerNumbers.Doubles(layer),
            HalfWidth = halfWidth,
            IsCutAfterSoftmax = isCutAfter,
        };

    private static double[] Golden(string name, string part)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/luong.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        JsonElement element = document.RootElement.GetProperty(name).GetProperty(part);
        return element.ValueKind == JsonValueKind.Number ? [element.GetDouble()] : [.. element.EnumerateArray().Select(number => number.GetDouble())];
    }
}
