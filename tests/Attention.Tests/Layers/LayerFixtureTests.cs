using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>
/// The fixtures are what their README says: recomputed in double, by the formulas, from the inputs and weights that they hold.
/// </summary>
public class LayerFixtureTests
{
    private static readonly string[] s_files = ["multi_head_attention", "transformer_encoder_layer", "transformer_decoder_layer", "small_layers"];

    public static IEnumerable<object[]> AllCases =>
        s_files.SelectMany(file => LayerFixture.Cases(file).Select(name => new object[] { file, name }));

    [Theory]
    [MemberData(nameof(AllCases))]
    public void Every_weight_and_input_has_a_gradient_of_its_shape(string file, string name) =>
        LayerFixture.Use(file, name, fixture =>
        {
            int differentiated = 0;
            fixture.Shape("gradient.output").Should().Equal(fixture.Shape("output"));
            foreach (string tensor in fixture.Names)
            {
                fixture.Floats(tensor).Should().OnlyContain(number => float.IsFinite(number));
                bool constant = tensor.EndsWith("mask", StringComparison.Ordinal) || tensor == "input.indices";
                if (!constant && (tensor.StartsWith("input", StringComparison.Ordinal) || tensor.StartsWith("weight", StringComparison.Ordinal)))
                {
                    fixture.Shape($"gradient.{tensor}").Should().Equal(fixture.Shape(tensor));
                    differentiated++;
                }
            }

            differentiated.Should().BePositive();
        });

    [Theory]
    [InlineData("self")]
    [InlineData("causal")]
    [InlineData("cross")]
    [InlineData("sizes")]
    [InlineData("sizes_apart")]
    public void Attention_is_the_formula(string name) =>
        LayerFixture.Use("multi_head_attention", name, fixture =>
        {
            string key = fixture.Has("input.key") ? "input.key" : "input.query";
            string value = fixture.Has("input.value") ? "input.value" : "input.query";
            ReferenceLayers reference = new(fixture);
            (double[] output, double[] attention) = reference.Attend(
                "weight.", fixture.Doubles("input.query"), fixture.Doubles(key), fixture.Doubles(value), name == "causal", Hidden(fixture, "input.key_padding_mask"));
            Tolerance.Golden("attention", fixture.Floats("attention"), attention);
            Tolerance.Golden("output", fixture.Floats("output"), output);
        });

    [Theory]
    [InlineData("relu")]
    [InlineData("gelu")]
    public void Encoder_is_the_formula(string name) =>
        LayerFixture.Use("transformer_encoder_layer", name, fixture =>
        {
            double[] source = fixture.Doubles("input.source");
            ReferenceLayers reference = new(fixture);
            double[] attended = reference.Attend("weight.self_attn.", source, source, source, false, Hidden(fixture, "input.source_key_padding_mask")).Output;
            double[] first = reference.AddAndNormalize("weight.norm1", source, attended);
            double[] output = reference.AddAndNormalize("weight.norm2", first, reference.FeedForward(first, name == "gelu"));
            Tolerance.Golden("output", fixture.Floats("output"), output);
        });

    [Theory]
    [InlineData("relu")]
    [InlineData("gelu")]
    public void Decoder_is_the_formula(string name) =>
        LayerFixture.Use("transformer_decoder_layer", name, fixture =>
        {
            double[] target = fixture.Doubles("input.target");
            double[] memory = fixture.Doubles("input.memory");
            ReferenceLayers reference = new(fixture);
            double[] own = reference.Attend("weight.self_attn.", target, target, target, true, null).Output;
            double[] first = reference.AddAndNormalize("weight.norm1", target, own);
            double[] cross = reference.Attend(
                "weight.multihead_attn.", first, memory, memory, false, Hidden(fixture, "input.memory_key_padding_mask")).Output;
            double[] second = reference.AddAndNormalize("weight.norm2", first, cross);
            double[] output = reference.AddAndNormalize("weight.norm3", second, reference.FeedForward(second, name == "gelu"));
            Tolerance.Golden("output", fixture.Floats("output"), output);
        });

    [Theory]
    [InlineData("linear")]
    [InlineData("linear_without_bias")]
    public void Linear_and_its_gradients_are_the_formula(string name) =>
        LayerFixture.Use("small_layers", name, fixture =>
        {
            const int In = 13;
            const int Out = 9;
            double[] input = fixture.Doubles("input.input");
            double[] weight = fixture.Doubles("weight.weight");
            double[] bias = fixture.Has("weight.bias") ? fixture.Doubles("weight.bias") : new double[Out];
            double[] outputGradient = fixture.Doubles("gradient.output");
            Tolerance.Golden("output", fixture.Floats("output"), ReferenceLayers.Linear(input, weight, bias));
            double[] inputGradient = new double[input.Length];
            double[] weightGradient = new double[weight.Length];
            for (int row = 0; row < input.Length / In; row++)
            {
                for (int o = 0; o < Out; o++)
                {
                    for (int i = 0; i < In; i++)
                    {
                        inputGradient[(row * In) + i] += outputGradient[(row * Out) + o] * weight[(o * In) + i];
                        weightGradient[(o * In) + i] += outputGradient[(row * Out) + o] * input[(row * In) + i];
                    }
                }
            }

            Tolerance.Golden("input gradient", fixture.Floats("gradient.input.input"), inputGradient);
            Tolerance.Golden("weight gradient", fixture.Floats("gradient.weight.weight"), weightGradient);
        });

    [Fact]
    public void Normalisation_is_the_formula() =>
        LayerFixture.Use("small_layers", "layer_norm", fixture =>
        {
            double[] input = fixture.Doubles("input.input");
            double[] output = new ReferenceLayers(fixture).AddAndNormalize("weight", input, new double[input.Length]);
            Tolerance.Golden("output", fixture.Floats("output"), output);
        });

    [Fact]
    public void Embedding_takes_rows_and_adds_their_gradients() =>
        LayerFixture.Use("small_layers", "embedding", fixture =>
        {
            const int Width = 6;
            int[] indices = [.. fixture.Floats("input.indices").Select(index => (int)index)];
            double[][] rows = [.. fixture.Doubles("weight.weight").Chunk(Width)];
            double[][] outputGradient = [.. fixture.Doubles("gradient.output").Chunk(Width)];
            double[] weightGradient = new double[rows.Length * Width];
            for (int place = 0; place < indices.Length; place++)
            {
                for (int i = 0; i < Width; i++)
                {
                    weightGradient[(indices[place] * Width) + i] += outputGradient[place][i];
                }
            }

            Tolerance.Golden("output", fixture.Floats("output"), [.. indices.SelectMany(index => rows[index])]);
            Tolerance.Golden("weight gradient", fixture.Floats("gradient.weight.weight"), weightGradient);
        });

    private static double[]? Hidden(LayerFixture fixture, string name) => fixture.Has(name) ? fixture.Doubles(name) : null;
}
