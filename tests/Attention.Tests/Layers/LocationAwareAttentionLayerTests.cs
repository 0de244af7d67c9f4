using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>The layer of location-aware attention: against plain loops in double, step by step, saved and loaded, refusals.</summary>
public class LocationAwareAttentionLayerTests
{
    private const int Batch = 2;
    private const int Steps = 3;
    private const int Keys = 7;

    private static readonly int[] s_lengths = [5, 7];

    private static readonly LocationAwareAttentionOptions s_options = new() { QuerySize = 3, SourceSize = 4, HiddenSize = 5, Filters = 2, Width = 3 };

    public static TheoryData<string> Kinds => ["chorowski", "smoothed", "accumulated", "coverage"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Forward_AgreesWithDouble(string kind)
    {
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(Options(kind)), 5);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, Steps, 3));
        using Variable source = tape.Watch(LayerNumbers.Tensor(2, Batch, Keys, 4));
        using LocationAwareState state = layer.Start(source, s_lengths);
        (Variable context, Variable alignments) = layer.Forward(query, state);
        using Variable output = Join(context, alignments);
        double[] queryNumbers = LayerNumbers.Doubles(query.Data);
        double[] sourceNumbers = LayerNumbers.Doubles(source.Data);
        Dictionary<string, double[]> weights = LayerNumbers.Doubles(layer);
        double[] Forward() => Reference(Options(kind), weights, queryNumbers, sourceNumbers);
        Tolerance.Golden("output", output.Data.ToArray(), Forward());
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        double[] factors = LayerNumbers.Doubles(gradient);
        double Loss() => Forward().Zip(factors, (x, y) => x * y).Sum();

        tape.Backward(output, gradient);

        Tolerance.Golden("gradient of query", query.Gradient!.ToArray(), FiniteDifferences.Gradient(queryNumbers, Loss));
        Tolerance.Golden("gradient of source", source.Gradient!.ToArray(), FiniteDifferences.Gradient(sourceNumbers, Loss));
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden($"gradient of {name}", parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(weights[name], Loss));
        }
    }

    /// <summary>Step by step the contexts, alignments and gradients are those of all steps at once, a coverage loss included.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Steps_AreTheWhole(string kind)
    {
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(Options(kind)), 5);
        using DeviceTensor gradient = LayerNumbers.Tensor(11, Batch, Steps, 4 + Keys);

        (float[] expected, Dictionary<string, float[]> expectedGradients) = Run(isStepwise: false);
        (float[] actual, Dictionary<string, float[]> actualGradients) = Run(isStepwise: true);

        Tolerance.Reordered("output", actual, expected);
        foreach ((string name, float[] numbers) in expectedGradients)
        {
            Tolerance.Reordered($"gradient of {name}", actualGradients[name], numbers, 64);
        }

        (float[] Output, Dictionary<string, float[]> Gradients) Run(bool isStepwise)
        {
            using var tape = new Tape();
            using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, Steps, 3));
            using Variable source = tape.Watch(LayerNumbers.Tensor(2, Batch, Keys, 4));
            using LocationAwareState state = layer.Start(source, s_lengths);
            using Variable output = isStepwise ? Stepwise(layer, query, state) : Join(layer.Forward(query, state));
            tape.Backward(output, gradient);
            Dictionary<string, float[]> gradients = LayerNumbers.TakeGradients(layer);
            gradients["source"] = source.Gradient!.ToArray();
            gradients["query"] = query.Gradient!.ToArray();
            return (output.Data.ToArray(), gradients);
        }
    }

    [Fact]
    public void AState_GoesOnBehindSeveralSteps()
    {
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(Options("accumulated")), 5);
        using Variable query = LayerNumbers.Input(1, Batch, Steps, 3);
        using Variable source = LayerNumbers.Input(2, Batch, Keys, 4);
        using Variable first = query.Slice(1, 0, 2);
        using Variable second = query.Slice(1, 2, 1);
        using LocationAwareState whole = layer.Start(source);
        using LocationAwareState parts = layer.Start(source);
        whole.Alignment.Should().BeNull();

        float[] expected = LayerNumbers.Take(Join(layer.Forward(query, whole)));
        LayerNumbers.Take(Join(layer.Forward(first, parts)));
        float[] actual = LayerNumbers.Take(Join(layer.Forward(second, parts)));

        Tolerance.Reordered("last step", actual, [.. expected[(2 * 11)..(3 * 11)], .. expected[(5 * 11)..]]);
        Tolerance.Reordered("location", parts.Location.Data.ToArray(), whole.Location.Data.ToArray());
        Tolerance.Reordered("alignment", parts.Alignment!.Data.ToArray(), whole.Alignment!.Data.ToArray());
    }

    [Fact]
    public void AGivenStart_IsTaken()
    {
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(s_options), 5);
        using LocationAwareAttentionLayer uniform = new(s_options with { Start = LocationStart.Uniform });
        LayerNumbers.Copy(layer, uniform);
        using Variable query = LayerNumbers.Input(1, Batch, 1, 3);
        using Variable source = LayerNumbers.Input(2, Batch, Keys, 4);
        using Variable even = Variable.Constant(DeviceTensor.Create(
            CpuBackend.Shared, [.. Enumerable.Range(0, Batch * Keys).Select(place => place % Keys < s_lengths[place / Keys] ? 1f / s_lengths[place / Keys] : 0f)], Batch, Keys));
        using LocationAwareState given = layer.Start(source, s_lengths, even);
        using LocationAwareState own = uniform.Start(source, s_lengths);

        Tolerance.SameBits("output", LayerNumbers.Take(Join(layer.Forward(query, given))), LayerNumbers.Take(Join(uniform.Forward(query, own))));
    }

    [Fact]
    public void AnyMask_IsTaken()
    {
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(s_options), 5);
        using Variable query = LayerNumbers.Input(1, Batch, Steps, 3);
        using Variable source = LayerNumbers.Input(2, Batch, Keys, 4);
        using LocationAwareState masked = layer.Start(source);
        using LocationAwareState shorter = layer.Start(source, s_lengths);

        Tolerance.SameBits(
            "output", LayerNumbers.Take(Join(layer.Forward(query, masked, new KeyLengthMask(s_lengths)))), LayerNumbers.Take(Join(layer.Forward(query, shorter))));
    }

    /// <summary>What lies behind the end of a source may be anything: no bit of a result changes, nor of a gradient that sums over all rows.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_ChangesNoBit(string kind)
    {
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(Options(kind)), 5);
        float[] numbers = LayerNumbers.Tensor(2, Batch, Keys, 4).ToArray();

        (float[] expected, Dictionary<string, float[]> expectedGradients) = Run(0);
        (float[] actual, Dictionary<string, float[]> actualGradients) = Run(float.NaN);

        Tolerance.SameBits("output", actual, expected);
        foreach ((string name, float[] gradient) in expectedGradients)
        {
            gradient.Should().NotContain(float.NaN);
            Tolerance.SameBits($"gradient of {name}", actualGradients[name], gradient);
        }

        (float[] Output, Dictionary<string, float[]> Gradients) Run(float filler)
        {
            float[] padded = [.. numbers.Select((number, place) => place / 4 % Keys < s_lengths[place / (4 * Keys)] ? number : filler)];
            using var tape = new Tape();
            using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, Steps, 3));
            using Variable source = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, padded, Batch, Keys, 4));
            using LocationAwareState state = layer.Start(source, s_lengths);
            using Variable output = Join(layer.Forward(query, state));
            using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
            tape.Backward(output, gradient);
            Dictionary<string, float[]> gradients = LayerNumbers.TakeGradients(layer);
            gradients["source"] = source.Gradient!.ToArray();
            gradients["query"] = query.Gradient!.ToArray();
            return (output.Data.ToArray(), gradients);
        }
    }

    /// <summary>Without sources, queries or positions there is nothing to learn: shapes are right, contexts and gradients are zeros.</summary>
    [Theory]
    [InlineData("smoothed", 0, 3, 7)]
    [InlineData("chorowski", 2, 0, 7)]
    [InlineData("chorowski", 2, 3, 0)]
    [InlineData("coverage", 2, 3, 0)]
    [InlineData("coverage", 2, 3, 7)]
    public void EmptyAxes_GiveZeros(string kind, int batch, int queries, int length)
    {
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(Options(kind)), 5);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, batch, queries, 3));
        using Variable source = tape.Watch(LayerNumbers.Tensor(2, batch, length, 4));
        using LocationAwareState state = layer.Start(source, new int[batch]);
        using Variable output = Join(layer.Forward(query, state));
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);

        tape.Backward(output, gradient);

        output.Data.Lengths.ToArray().Should().Equal([batch, queries, 4 + length]);
        state.Location.Data.Lengths.ToArray().Should().Equal([batch, length]);
        output.Data.ToArray().Should().NotContain(number => number != 0);
        LayerNumbers.TakeGradients(layer).Values.SelectMany(numbers => numbers)
            .Concat(query.Gradient!.ToArray()).Concat(source.Gradient!.ToArray()).Should().OnlyContain(number => number == 0);
    }

    [Fact]
    public void ASavedLayer_IsTheSame()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("layer.safetensors");
        using LocationAwareAttentionLayer layer = LayerNumbers.Filled(new LocationAwareAttentionLayer(Options("smoothed")), 5);
        using LocationAwareAttentionLayer other = new(Options("smoothed"));

        layer.Save(path);
        other.Load(path);

        layer.NamedParameters().Select(entry => entry.Key).Should().BeEquivalentTo(
            "query.weight", "key.weight", "key.bias", "score_vector", "projection", "filters", "score_bias");
        foreach ((string name, float[] numbers) in LayerNumbers.Parameters(layer))
        {
            Tolerance.SameBits(name, LayerNumbers.Parameters(other)[name], numbers);
        }
    }

    [Fact]
    public void WeightsStart_SmallAndBySeed()
    {
        LocationAwareAttentionOptions options = new() { QuerySize = 40, SourceSize = 50, HiddenSize = 60 };
        using LocationAwareAttentionLayer layer = new(options);
        using LocationAwareAttentionLayer same = new(options);
        using LocationAwareAttentionLayer other = new(options with { Seed = 1 });

        foreach ((string name, float[] numbers) in LayerNumbers.Parameters(layer))
        {
            Tolerance.SameBits(name, LayerNumbers.Parameters(same)[name], numbers);
            if (name == "key.bias")
            {
                numbers.Should().OnlyContain(number => number == 0);
                continue;
            }

            // The deviation of n numbers is off by 1 / sqrt(2n) of itself; four times that.
            double deviation = Math.Sqrt(numbers.Average(number => (double)number * number));
            deviation.Should().BeApproximately(0.01, 0.01 * 4 / Math.Sqrt(2 * numbers.Length), "{0}", name);
            LayerNumbers.Parameters(other)[name].Should().NotEqual(numbers);
        }
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        using LocationAwareAttentionLayer layer = new(s_options);
        using Variable source = LayerNumbers.Input(2, Batch, Keys, 4);
        using Variable query = LayerNumbers.Input(1, Batch, Steps, 3);
        using Variable wide = LayerNumbers.Input(1, Batch, Steps, 5);
        using Variable more = LayerNumbers.Input(1, Batch + 1, Steps, 3);
        using Variable location = LayerNumbers.Input(1, Batch, Keys + 1);
        using LocationAwareState state = layer.Start(source);

        Refuses("source", () => layer.Start(query));
        Refuses("lengths", () => layer.Start(source, [7]));
        Refuses("lengths", () => layer.Start(source, [7, 8]));
        Refuses("initialAlignment", () => layer.Start(source, null, location));
        Refuses("query", () => layer.Forward(wide, state));
        Refuses("query", () => layer.Forward(more, state));
        Refuses("query", () => layer.Step(query, state));
        Refuses("state", () => layer.Forward(query, null!));
        Refuses("mask", () => layer.Forward(query, state, new KeyLengthMask([7])));
        Refuses("options.HiddenSize", () => _ = new LocationAwareAttentionLayer(s_options with { HiddenSize = 0 }));
        Refuses("options", () => _ = new LocationAwareAttentionLayer(s_options with { Start = (LocationStart)9 }));
        state.Alignment.Should().BeNull();

        static void Refuses(string parameter, Action call) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private static LocationAwareAttentionOptions Options(string kind) => kind switch
    {
        "smoothed" => s_options with { Attention = new() { Normalizer = LocationNormalizer.Sigmoid }, Start = LocationStart.Uniform },
        "accumulated" => s_options with { Attention = new() { Source = LocationSource.AccumulatedAlignments, Sharpness = 1.5f } },
        "coverage" => LocationAwareAttentionOptions.Coverage(3, 4, 5),
        _ => s_options,
    };

    private static double[] Reference(LocationAwareAttentionOptions options, Dictionary<string, double[]> weights, double[] query, double[] source)
    {
        int features = Math.Max(1, options.Filters);
        double[] initial = new double[Batch * Keys];
        for (int place = 0; place < initial.Length; place++)
        {
            int length = s_lengths[place / Keys];
            initial[place] = options.Start switch
            {
                LocationStart.FirstKey => place % Keys == 0 ? 1 : 0,
                LocationStart.Uniform => place % Keys < length ? 1.0 / length : 0,
                _ => 0,
            };
        }

        LocationAwareLoops<double> loops = LocationAwareLoops<double>.Run(new(Batch, Steps, Keys, 5, 4, features, options.Filters == 0 ? 1 : options.Width)
        {
            Query = Project(query, weights["query.weight"], 3, null),
            Key = Project(source, weights["key.weight"], 4, weights["key.bias"]),
            Value = source,
            ScoreVector = weights["score_vector"],
            Projection = weights["projection"],
            Filters = weights.GetValueOrDefault("filters"),
            ScoreBias = weights.GetValueOrDefault("score_bias"),
            Initial = initial,
            Mask = (batch, _, key) => key < s_lengths[batch],
            Sharpness = options.Attention.Sharpness ?? 1,
            IsSigmoid = options.Attention.Normalizer == LocationNormalizer.Sigmoid,
            IsAccumulated = options.Attention.Source == LocationSource.AccumulatedAlignments,
        });
        return [.. Enumerable.Range(0, Batch * Steps).SelectMany(row =>
            loops.Context.Skip(row * 4).Take(4).Concat(loops.Alignments.Skip(row * Keys).Take(Keys)))];
    }

    private static double[] Project(double[] rows, double[] weight, int size, double[]? bias) =>
        [.. Enumerable.Range(0, rows.Length / size * 5).Select(place =>
            (bias?[place % 5] ?? 0) + Enumerable.Range(0, size).Sum(c => weight[(place % 5 * size) + c] * rows[(place / 5 * size) + c]))];

    private static Variable Stepwise(LocationAwareAttentionLayer layer, Variable query, LocationAwareState state)
    {
        var steps = new Variable[Steps];
        for (int step = 0; step < Steps; step++)
        {
            using Variable row = query.Slice(1, step, 1);
            using Variable one = row.Reshape(Batch, 3);
            using Variable context = layer.Step(one, state);
            using Variable joined = Differentiable.Concatenate(1, context, state.Alignment!);
            steps[step] = joined.Reshape(Batch, 1, 4 + Keys);
        }

        Variable all = Differentiable.Concatenate(1, steps);
        Array.ForEach(steps, step => step.Dispose());
        return all;
    }

    private static Variable Join((Variable Context, Variable Alignments) results) => Join(results.Context, results.Alignments);

    private static Variable Join(Variable context, Variable alignments)
    {
        using (context)
        using (alignments)
        {
            return Differentiable.Concatenate(2, context, alignments);
        }
    }
}
