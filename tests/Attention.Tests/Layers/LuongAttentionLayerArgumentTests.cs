using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;
using Attention.Tests.Autodiff;

namespace Attention.Tests.Layers;

/// <summary>Luong's attention: parameters and their first numbers, saving, input feeding, and what is refused.</summary>
public class LuongAttentionLayerArgumentTests
{
    private static readonly LuongAttentionOptions s_options = new() { QuerySize = 4, MemorySize = 6 };

    [Theory]
    [InlineData(LuongScore.General, LuongAlignment.Global, "attention.weight 6x4", "combine.weight 4x10")]
    [InlineData(LuongScore.Concat, LuongAlignment.Global, "attention.weight 4x10", "attention.score 4", "combine.weight 4x10")]
    [InlineData(LuongScore.Location, LuongAlignment.Global, "attention.weight 8x4", "combine.weight 4x10")]
    [InlineData(LuongScore.General, LuongAlignment.LocalMonotonic, "attention.weight 6x4", "combine.weight 4x10")]
    [InlineData(
        LuongScore.General, LuongAlignment.LocalPredictive, "attention.weight 6x4", "position.weight 4x4", "position.score 4", "combine.weight 4x10")]
    public void Parameters_HaveNamesAndShapes(LuongScore score, LuongAlignment alignment, params string[] expected)
    {
        using var layer = new LuongAttentionLayer(s_options with { Score = score, Alignment = alignment, MaxLength = 8 });

        layer.NamedParameters().Select(entry => $"{entry.Key} {string.Join('x', entry.Value.Data.Lengths.ToArray())}").Should().Equal(expected);
    }

    [Fact]
    public void FirstWeights_AreUniformAndDifferFromPartToPart()
    {
        LuongAttentionOptions options = new() { QuerySize = 40, MemorySize = 40, Alignment = LuongAlignment.LocalPredictive, Seed = 3 };
        using var layer = new LuongAttentionLayer(options);
        using var same = new LuongAttentionLayer(options);
        using var other = new LuongAttentionLayer(options with { Seed = 4 });
        Dictionary<string, float[]> values = LayerNumbers.Parameters(layer);

        foreach ((string name, float[] numbers) in values)
        {
            numbers.Should().OnlyContain(number => Math.Abs(number) <= 0.1f);
            Tolerance.SameBits(name, LayerNumbers.Parameters(same)[name], numbers);
            LayerNumbers.Parameters(other)[name].Should().NotEqual(numbers);
        }

        // Of a thousand numbers and more between -0.1 and 0.1 some are near either end, and their mean is near the middle.
        float[] weight = values["attention.weight"];
        weight.Max().Should().BeGreaterThan(0.095f);
        weight.Min().Should().BeLessThan(-0.095f);
        Math.Abs(weight.Average()).Should().BeLessThan(0.01f);
        weight.Should().NotEqual(values["position.weight"]);
    }

    [Fact]
    public void SavedAndLoaded_GivesTheSame()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "luong.safetensors");
        LuongAttentionOptions options = s_options with { Alignment = LuongAlignment.LocalPredictive };
        using LuongAttentionLayer saved = LayerNumbers.Filled(new LuongAttentionLayer(options), 5);
        using var loaded = new LuongAttentionLayer(options);
        saved.Save(path);
        loaded.Load(path);
        using Variable queries = LayerNumbers.Input(1, 2, 3, 4);
        using Variable states = LayerNumbers.Input(2, 2, 5, 6);
        using LuongMemory memory = saved.Prepare(states);
        using LuongMemory other = loaded.Prepare(states);

        Tolerance.SameBits(
            "output", LayerNumbers.Take(loaded.Forward(queries, other)), LayerNumbers.Take(saved.Forward(queries, memory)));
    }

    [Fact]
    public void InputFeeding_PutsThePreviousVectorBehindTheInput()
    {
        using var layer = new LuongAttentionLayer(s_options);
        using Variable input = Variable.Constant(DeviceTensor.Create(layer.Backend, [1, 2, 3, 4], 2, 2));
        using Variable previous = Variable.Constant(DeviceTensor.Create(layer.Backend, [5, 6, 7, 8, 9, 10, 11, 12], 2, 4));

        LayerNumbers.Take(layer.FeedInput(input, null)).Should().Equal(1, 2, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0);
        LayerNumbers.Take(layer.FeedInput(input, previous)).Should().Equal(1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12);
    }

    [Fact]
    public void InputFeeding_CarriesGradientsBack()
    {
        using var layer = new LuongAttentionLayer(s_options);

        GradientCheck.Run(x => layer.FeedInput(x[0], x[1]), static x => PlainTensor.Concatenate(1, x), [2, 3], [2, 4]);
        GradientCheck.Run(
            x => layer.FeedInput(x[0], null), static x => PlainTensor.Concatenate(1, x[0], x[0].With(new double[8], 2, 4)), [2, 3]);
    }

    [Fact]
    public void EmptySources_GiveContextsOfZero()
    {
        foreach (LuongScore score in Enum.GetValues<LuongScore>())
        {
            using LuongAttentionLayer layer = LayerNumbers.Filled(
                new LuongAttentionLayer(new() { QuerySize = 4, MemorySize = 4, Score = score, MaxLength = 8, IsCutAfterSoftmax = true }), 5);
            using Variable queries = LayerNumbers.Input(1, 2, 3, 4);
            using Variable none = LayerNumbers.Input(2, 2, 0, 4);
            using Variable some = LayerNumbers.Input(2, 2, 5, 4);
            using LuongMemory nothing = layer.Prepare(none);
            using LuongMemory hidden = layer.Prepare(some, [0, 0]);
            float[] expected = LayerNumbers.Take(layer.Forward(queries, nothing));

            Tolerance.SameBits($"{score}", LayerNumbers.Take(layer.Forward(queries, hidden)), expected);
            using DeviceTensor weights = layer.Weights(queries, hidden);
            weights.ToArray().Should().OnlyContain(weight => weight == 0);
        }
    }

    [Fact]
    public void Constructor_NamesWhatItRefuses()
    {
        LuongAttentionOptions[] wrong =
        [
            s_options with { QuerySize = 0 },
            s_options with { MemorySize = -1 },
            s_options with { OutputSize = 0 },
            s_options with { ScoreSize = 0 },
            s_options with { PositionSize = 0 },
            s_options with { MaxLength = 0 },
            s_options with { HalfWidth = -1 },
            s_options with { InitialRange = float.NaN },
            s_options with { Score = (LuongScore)9 },
            s_options with { Alignment = (LuongAlignment)9 },
            s_options with { Score = LuongScore.Dot },
            s_options with { Score = LuongScore.Location },
            s_options with { Score = LuongScore.Concat, Alignment = LuongAlignment.LocalMonotonic },
            s_options with { Score = LuongScore.Location, MaxLength = 5, Alignment = LuongAlignment.LocalPredictive },
        ];

        FluentActions.Invoking(() => new LuongAttentionLayer(null!)).Should().Throw<ArgumentNullException>().WithParameterName("options");
        foreach (LuongAttentionOptions options in wrong)
        {
            FluentActions.Invoking(() => new LuongAttentionLayer(options)).Should().Throw<ArgumentException>(options.ToString()).WithParameterName("options");
        }
    }

    [Fact]
    public void Methods_NameWhatTheyRefuse()
    {
        using var layer = new LuongAttentionLayer(s_options);
        using Variable states = LayerNumbers.Input(1, 2, 5, 6);
        using Variable queries = LayerNumbers.Input(1, 2, 3, 4);
        using Variable state = LayerNumbers.Input(1, 2, 4);
        using Variable wide = LayerNumbers.Input(1, 2, 3, 5);
        using Variable three = LayerNumbers.Input(1, 3, 3, 4);
        using Variable threeStates = LayerNumbers.Input(1, 3, 4);
        using LuongMemory memory = layer.Prepare(states);
        using var concat = new LuongAttentionLayer(s_options with { Score = LuongScore.Concat });

        Refuse(() => layer.Prepare(queries), "states");
        Refuse(() => layer.Prepare(states, [5]), "lengths");
        Refuse(() => layer.Prepare(states, [5, 6]), "lengths");
        Refuse(() => layer.Prepare(states, [-1, 5]), "lengths");
        Refuse(() => layer.Forward(wide, memory), "queries");
        Refuse(() => layer.Forward(three, memory), "queries");
        Refuse(() => layer.Forward(queries, null!), "memory");
        Refuse(() => concat.Forward(queries, memory), "memory");
        Refuse(() => layer.Forward(queries, memory, -1), "firstStep");
        Refuse(() => layer.Forward(queries, memory, new KeyLengthMask(new[] { 5 })), "mask");
        Refuse(() => layer.Weights(three, memory), "queries");
        Refuse(() => layer.Step(queries, memory), "query");
        Refuse(() => layer.Step(state, memory, -1), "step");
        Refuse(() => layer.FeedInput(queries, null), "input");
        Refuse(() => layer.FeedInput(state, queries), "previous");
        Refuse(() => layer.FeedInput(state, threeStates), "previous");
        FluentActions.Invoking(() => layer.PredictPositions(queries, memory)).Should().Throw<InvalidOperationException>();

        static void Refuse(Func<object> call, string parameter) =>
            call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }
}
