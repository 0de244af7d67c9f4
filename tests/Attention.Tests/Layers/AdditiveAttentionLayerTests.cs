using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>The layer of additive attention against plain loops in double.</summary>
public class AdditiveAttentionLayerTests
{
    private const int Batch = 2;
    private const int QuerySize = 5;
    private const int KeySize = 4;
    private const int Hidden = 6;
    private const int ValueSize = 3;
    private static readonly int[] s_lengths = [7, 4];

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void OutputAndGradients_AgreeWithDouble(bool hasBias, bool isNormalized)
    {
        using AdditiveAttentionLayer layer = Layer(hasBias, isNormalized);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, 3, QuerySize));
        using Variable keys = tape.Watch(LayerNumbers.Tensor(2, Batch, 7, KeySize));
        using Variable values = tape.Watch(LayerNumbers.Tensor(3, Batch, 7, ValueSize));
        using AdditiveMemory memory = layer.Prepare(keys, values);
        using Variable output = layer.Forward(query, memory, new KeyLengthMask(s_lengths));
        Dictionary<string, double[]> weights = LayerNumbers.Doubles(layer);
        double[] queryNumbers = LayerNumbers.Doubles(query.Data);
        double[] keyNumbers = LayerNumbers.Doubles(keys.Data);
        double[] valueNumbers = LayerNumbers.Doubles(values.Data);
        double[] Forward() => Reference(weights, queryNumbers, keyNumbers, valueNumbers).Output.Sums;
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        double[] factors = LayerNumbers.Doubles(gradient);
        double Loss() => Forward().Zip(factors, (x, y) => x * y).Sum();

        output.Data.Lengths.ToArray().Should().Equal([Batch, 3, ValueSize]);
        Tolerance.Golden("output", output.Data.ToArray(), Forward());
        tape.Backward(output, gradient);

        foreach ((string name, Variable input, double[] numbers) in ((string, Variable, double[])[])
            [("query", query, queryNumbers), ("keys", keys, keyNumbers), ("values", values, valueNumbers)])
        {
            Tolerance.Golden($"gradient of {name}", input.Gradient!.ToArray(), FiniteDifferences.Gradient(numbers, Loss));
        }

        layer.NamedParameters().Select(entry => entry.Key).Should().BeEquivalentTo(
            ["query.weight", "key.weight", "score", .. hasBias ? ["bias"] : Array.Empty<string>(), .. isNormalized ? ["scale"] : Array.Empty<string>()]);
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden($"gradient of {name}", parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(weights[name], Loss));
        }
    }

    /// <summary>Keys that are projected without the tape would lose the gradient of their projection: they are refused, not forgotten.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void KeysPreparedWithoutTheTape_AreRefused(bool isNormalized)
    {
        using AdditiveAttentionLayer layer = Layer(true, isNormalized);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, 3, QuerySize));
        using Variable keys = LayerNumbers.Input(2, Batch, 7, KeySize);
        using AdditiveMemory memory = layer.Prepare(keys);

        Action forward = () => layer.Forward(query, memory, default(NoMask)).Dispose();

        forward.Should().Throw<InvalidOperationException>();
    }

    /// <summary>One query after the other, as a decoder asks, gives what all queries at once give, and the same gradients.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Steps_AreTheBatch(bool isNormalized)
    {
        const int Steps = 5;
        using AdditiveAttentionLayer layer = Layer(true, isNormalized);
        float[] Run(bool inSteps, out Dictionary<string, float[]> gradients)
        {
            using var tape = new Tape();
            using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, Steps, QuerySize));
            using Variable keys = tape.Watch(LayerNumbers.Tensor(2, Batch, 7, KeySize));
            using AdditiveMemory memory = layer.Prepare(keys);
            var mask = new KeyLengthMask(s_lengths);
            Variable[] steps = inSteps
                ? [.. query.Split(1, [.. Enumerable.Repeat((nint)1, Steps)]).Select(step => layer.Forward(step, memory, mask))]
                : [layer.Forward(query, memory, mask)];
            using Variable output = Differentiable.Concatenate(1, steps);
            using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
            tape.Backward(output, gradient);
            gradients = LayerNumbers.TakeGradients(layer);
            gradients["query"] = query.Gradient!.ToArray();
            gradients["keys"] = keys.Gradient!.ToArray();
            return output.Data.ToArray();
        }

        float[] batch = Run(false, out Dictionary<string, float[]> expected);
        float[] steps = Run(true, out Dictionary<string, float[]> actual);

        Tolerance.SameBits("output", steps, batch);
        foreach ((string name, float[] gradient) in expected)
        {
            Tolerance.Reordered($"gradient of {name}", actual[name], gradient, 64);
        }
    }

    /// <summary>What lies behind the end of a sequence may be anything: no bit of a result changes, nor of a gradient that sums over all rows.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Padding_ChangesNoBit(bool isNormalized)
    {
        using AdditiveAttentionLayer layer = Layer(true, isNormalized);
        (float[] expected, Dictionary<string, float[]> expectedGradients) = Run(0, byMask: true);
        (float[] actual, Dictionary<string, float[]> actualGradients) = Run(float.NaN, byMask: false);

        Tolerance.SameBits("output and weights", actual, expected);
        foreach ((string name, float[] gradient) in expectedGradients)
        {
            gradient.Should().NotContain(float.NaN);
            Tolerance.SameBits($"gradient of {name}", actualGradients[name], gradient);
        }

        (float[] Output, Dictionary<string, float[]> Gradients) Run(float filler, bool byMask)
        {
            using var tape = new Tape();
            using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, 3, QuerySize));
            using Variable keys = tape.Watch(Padded(2, KeySize, filler));
            using Variable values = tape.Watch(Padded(3, ValueSize, filler));
            using AdditiveMemory memory = byMask ? layer.Prepare(keys, values) : layer.Prepare(keys, values, s_lengths);
            AndMask<CausalMask, KeyLengthMask> mask = new CausalMask(3).And(new KeyLengthMask(byMask ? s_lengths : [7, 7]));
            using Variable output = layer.Forward(query, memory, mask);
            using DeviceTensor weights = layer.Weights(query, memory, mask);
            using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
            tape.Backward(output, gradient);
            Dictionary<string, float[]> gradients = LayerNumbers.TakeGradients(layer);
            gradients["query"] = query.Gradient!.ToArray();
            gradients["keys"] = keys.Gradient!.ToArray();
            gradients["values"] = values.Gradient!.ToArray();
            return ([.. output.Data.ToArray(), .. weights.ToArray()], gradients);
        }

        static DeviceTensor Padded(int seed, int size, float filler)
        {
            float[] numbers = LayerNumbers.Tensor(seed, Batch, 7, size).ToArray();
            return DeviceTensor.Create(
                CpuBackend.Shared, [.. numbers.Select((number, place) => place / size % 7 < s_lengths[place / (size * 7)] ? number : filler)],
                Batch, 7, size);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_AreTheReference(bool isNormalized)
    {
        using AdditiveAttentionLayer layer = Layer(true, isNormalized);
        using Variable query = LayerNumbers.Input(1, Batch, 3, QuerySize);
        using Variable keys = LayerNumbers.Input(2, Batch, 7, KeySize);
        using AdditiveMemory memory = layer.Prepare(keys);
        AdditiveAttentionLoops<double> reference = Reference(
            LayerNumbers.Doubles(layer), LayerNumbers.Doubles(query.Data), LayerNumbers.Doubles(keys.Data), new double[Batch * 7 * ValueSize]);

        using DeviceTensor weights = layer.Weights(query, memory, new KeyLengthMask(s_lengths));

        weights.Lengths.ToArray().Should().Equal([Batch, 3, 7]);
        Tolerance.Golden("weights", weights.ToArray(), reference.Weights.Sums);
    }

    [Fact]
    public void FirstWeights_AreAsSaid()
    {
        using var layer = new AdditiveAttentionLayer(Options(true, true) with { HiddenSize = 64, QuerySize = 32, KeySize = 48 });
        using var paper = new AdditiveAttentionLayer(Options(true, false) with { HiddenSize = 64, QuerySize = 32, KeySize = 48, BeginsAsInPaper = true });

        layer.Scale!.Data.ToArray().Should().Equal(1 / MathF.Sqrt(64));
        layer.Bias!.Data.ToArray().Should().OnlyContain(number => number == 0);
        float bound = MathF.Sqrt(6f / (64 + 48));
        layer.KeyWeight.Data.ToArray().Should().OnlyContain(number => Math.Abs(number) <= bound).And.Contain(number => Math.Abs(number) > 0.9f * bound);
        layer.Score.Data.ToArray().Should().OnlyContain(number => Math.Abs(number) <= MathF.Sqrt(6f / 65)).And.Contain(number => number != 0);
        paper.Score.Data.ToArray().Should().OnlyContain(number => number == 0);
        float[] weight = paper.QueryWeight.Data.ToArray();
        Math.Sqrt(weight.Average(number => number * (double)number)).Should().BeApproximately(0.001, 0.0001);
        paper.QueryWeight.Data.ToArray().Should().NotEqual(paper.KeyWeight.Data.ToArray().Take(weight.Length));
    }

    [Fact]
    public void FirstWeights_AreDecidedByTheSeed()
    {
        using var layer = new AdditiveAttentionLayer(Options(true, true));
        using var same = new AdditiveAttentionLayer(Options(true, true));
        using var other = new AdditiveAttentionLayer(Options(true, true) with { Seed = 1 });

        foreach (string name in (string[])["query.weight", "key.weight", "score"])
        {
            Tolerance.SameBits(name, LayerNumbers.Parameters(same)[name], LayerNumbers.Parameters(layer)[name]);
            LayerNumbers.Parameters(other)[name].Should().NotEqual(LayerNumbers.Parameters(layer)[name]);
        }
    }

    /// <summary>A normalised score vector of zeros has no direction: all keys are alike, and every gradient is a number.</summary>
    [Fact]
    public void ANormalizedScoreOfZeros_IsUniform()
    {
        using AdditiveAttentionLayer layer = Layer(true, true);
        LayerNumbers.Set(layer.Score, new float[Hidden]);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, 3, QuerySize));
        using Variable keys = tape.Watch(LayerNumbers.Tensor(2, Batch, 8, KeySize));
        using AdditiveMemory memory = layer.Prepare(keys);
        using Variable output = layer.Forward(query, memory, default(NoMask));
        using DeviceTensor weights = layer.Weights(query, memory, default(NoMask));
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);

        tape.Backward(output, gradient);

        weights.ToArray().Should().OnlyContain(weight => weight == 0.125f);
        LayerNumbers.TakeGradients(layer).Values.SelectMany(numbers => numbers).Should().OnlyContain(number => float.IsFinite(number));
    }

    /// <summary>Without sequences, queries or keys there is nothing to learn: shapes are right, contexts and gradients are zeros.</summary>
    [Theory]
    [InlineData(0, 3, 7)]
    [InlineData(2, 0, 7)]
    [InlineData(2, 3, 0)]
    public void EmptyAxes_GiveZeros(int batch, int queries, int length)
    {
        using AdditiveAttentionLayer layer = Layer(true, true);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, batch, queries, QuerySize));
        using Variable keys = tape.Watch(LayerNumbers.Tensor(2, batch, length, KeySize));
        using AdditiveMemory memory = layer.Prepare(keys, lengths: new int[batch]);
        using Variable output = layer.Forward(query, memory, default(NoMask));
        using DeviceTensor weights = layer.Weights(query, memory, default(NoMask));
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);

        tape.Backward(output, gradient);

        output.Data.Lengths.ToArray().Should().Equal([batch, queries, KeySize]);
        weights.Lengths.ToArray().Should().Equal([batch, queries, length]);
        output.Data.ToArray().Should().NotContain(number => number != 0);
        LayerNumbers.TakeGradients(layer).Values.SelectMany(numbers => numbers)
            .Concat(query.Gradient!.ToArray()).Concat(keys.Gradient!.ToArray()).Should().OnlyContain(number => number == 0);
    }

    [Fact]
    public void SaveAndLoad_GiveTheSameOutput()
    {
        using var folder = new TemporaryFolder();
        using AdditiveAttentionLayer saved = Layer(true, true);
        using var loaded = new AdditiveAttentionLayer(Options(true, true));
        using Variable query = LayerNumbers.Input(1, Batch, 3, QuerySize);
        using Variable keys = LayerNumbers.Input(2, Batch, 7, KeySize);
        saved.Save(folder.File("layer.safetensors"));

        loaded.Load(folder.File("layer.safetensors"));

        Tolerance.SameBits("output", Run(loaded), Run(saved));

        float[] Run(AdditiveAttentionLayer layer)
        {
            using AdditiveMemory memory = layer.Prepare(keys);
            return LayerNumbers.Take(layer.Forward(query, memory, default(NoMask)));
        }
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        using AdditiveAttentionLayer layer = Layer(false, false);
        using AdditiveAttentionLayer other = Layer(false, false);
        using Variable query = LayerNumbers.Input(1, Batch, 3, QuerySize);
        using Variable keys = LayerNumbers.Input(2, Batch, 7, KeySize);
        using Variable moreKeys = LayerNumbers.Input(2, Batch + 1, 7, KeySize);
        using AdditiveMemory memory = layer.Prepare(keys);
        using AdditiveMemory longer = layer.Prepare(moreKeys);

        Refused("options", () => new AdditiveAttentionLayer(null!));
        Refused("options", () => new AdditiveAttentionLayer(Options(true, true) with { QuerySize = 0 }));
        Refused("options", () => new AdditiveAttentionLayer(Options(true, true) with { KeySize = -1 }));
        Refused("options", () => new AdditiveAttentionLayer(Options(true, true) with { HiddenSize = 0 }));
        Refused("options", () => new AdditiveAttentionLayer(Options(true, true) with { Dropout = 2 }));
        Refused("keys", () => layer.Prepare(query));
        Refused("values", () => layer.Prepare(keys, moreKeys));
        Refused("lengths", () => layer.Prepare(keys, lengths: [7]));
        Refused("lengths", () => layer.Prepare(keys, keys, [7, 8]));
        Refused("lengths", () => layer.Prepare(keys, lengths: [-1, 7]));
        Refused("query", () => layer.Forward(keys, memory, default(NoMask)));
        Refused("query", () => layer.Forward(query, longer, default(NoMask)));
        Refused("memory", () => other.Forward(query, memory, default(NoMask)));
        Refused("memory", () => layer.Forward(query, null!, default(NoMask)));
        Refused("memory", () => other.Weights(query, memory, default(NoMask)));

        static void Refused(string parameter, Func<object> call) =>
            call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private static AdditiveAttentionOptions Options(bool hasBias, bool isNormalized) => new()
    {
        QuerySize = QuerySize,
        KeySize = KeySize,
        HiddenSize = Hidden,
        HasBias = hasBias,
        IsNormalized = isNormalized,
    };

    private static AdditiveAttentionLayer Layer(bool hasBias, bool isNormalized) =>
        LayerNumbers.Filled(new AdditiveAttentionLayer(Options(hasBias, isNormalized)), 5);

    /// <summary>Three queries and as many keys as there are numbers, of the lengths that the mask says.</summary>
    private static AdditiveAttentionLoops<double> Reference(Dictionary<string, double[]> weights, double[] query, double[] keys, double[] values)
    {
        double[] score = weights["score"];
        double norm = Math.Sqrt(score.Sum(number => number * number));
        double factor = weights.TryGetValue("scale", out double[]? scale) ? scale[0] / norm : 1;
        double[] projected = Project(weights["query.weight"], query, QuerySize);
        if (weights.TryGetValue("bias", out double[]? bias))
        {
            projected = [.. projected.Select((number, i) => number + bias[i % Hidden])];
        }

        AttentionProblem<double> attention = new(new AttentionShape(Batch, 1, 1, 3, 7, Hidden, ValueSize))
        {
            Query = projected,
            Key = Project(weights["key.weight"], keys, KeySize),
            Value = values,
            Mask = (batch, _, _, key) => key < s_lengths[batch],
        };
        return AdditiveAttentionLoops<double>.Run(new(attention, [.. score.Select(number => number * factor)]));
    }

    private static double[] Project(double[] weight, double[] rows, int size) =>
        [.. from row in Enumerable.Range(0, rows.Length / size)
            from unit in Enumerable.Range(0, Hidden)
            select Enumerable.Range(0, size).Sum(i => weight[(unit * size) + i] * rows[(row * size) + i])];
}
