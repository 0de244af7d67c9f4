using System.Numerics.Tensors;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Positions;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What multi-head attention must be, whatever its weights are.</summary>
public class MultiHeadAttentionTests
{
    private const int ModelSize = 12;
    private const int Heads = 4;
    private const int HeadSize = 3;
    private const int Batch = 2;
    private const int Length = 9;

    /// <summary>Roundings by which two orders of the layer's three products in a row may differ: those of one for each.</summary>
    private const double Roundings = 3 * 16;

    [Fact]
    public void OneHeadWithIdentities_IsScaledDotProductAttention()
    {
        using var layer = new MultiHeadAttention(ModelSize, 1);
        Dictionary<string, Parameter> parameters = layer.NamedParameters().ToDictionary();
        float[] identity = [.. Enumerable.Range(0, ModelSize * ModelSize).Select(i => i % (ModelSize + 1) == 0 ? 1f : 0f)];
        LayerNumbers.Set(parameters["in_proj_weight"], [.. identity, .. identity, .. identity]);
        LayerNumbers.Set(parameters["out_proj.weight"], identity);
        using Variable query = LayerNumbers.Input(1, Batch, 5, ModelSize);
        using Variable key = LayerNumbers.Input(2, Batch, Length, ModelSize);
        using Variable value = LayerNumbers.Input(3, Batch, Length, ModelSize);
        using DeviceTensor expected = DeviceTensor.Allocate(CpuBackend.Shared, Batch, 1, 5, ModelSize);
        using Variable queryHead = query.Reshape(Batch, 1, 5, ModelSize);
        using Variable keyHead = key.Reshape(Batch, 1, Length, ModelSize);
        using Variable valueHead = value.Reshape(Batch, 1, Length, ModelSize);
        ScaledDotProductAttention.Forward(
            CpuBackend.Span(queryHead.Data), CpuBackend.Span(keyHead.Data), CpuBackend.Span(valueHead.Data),
            CausalMask.BottomRight(5, Length), CpuBackend.Span(expected));

        float[] actual = LayerNumbers.Take(layer.Forward(query, key, value, CausalMask.BottomRight(5, Length)));

        Tolerance.SameBits("output", actual, expected.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void GroupedHeads_AreHeadsWithRepeatedKeysAndValues(int keyValueHeads)
    {
        using MultiHeadAttention grouped = LayerNumbers.Filled(new MultiHeadAttention(Options() with { KeyValueHeads = keyValueHeads }), 1);
        using var full = new MultiHeadAttention(Options());
        Repeat(grouped, full, keyValueHeads);
        float[] input = AttentionProblems.Normal(new Random(2), Batch * Length * ModelSize);

        (float[] expected, float[] expectedInput, Dictionary<string, float[]> expectedGradients) = Train(full, input);
        (float[] actual, float[] actualInput, Dictionary<string, float[]> gradients) = Train(grouped, input);

        Tolerance.Reordered("output", actual, expected, Roundings);
        Tolerance.Reordered("input gradient", actualInput, expectedInput, 2 * Roundings);
        foreach (string name in (string[])["in_proj_weight", "in_proj_bias"])
        {
            // A key head serves its group, so its gradient is the sum of theirs.
            Tolerance.Reordered(name, gradients[name], Gathered(expectedGradients[name], keyValueHeads), 2 * Roundings);
        }
    }

    [Fact]
    public void AChangedPosition_ChangesNothingBefore()
    {
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(Options() with { HasQueryKeyNorm = true, HasOutputGate = true }), 1);
        float[] numbers = AttentionProblems.Normal(new Random(2), Length * ModelSize);
        float[] expected = Forward(layer, numbers);
        for (int position = 0; position < Length; position++)
        {
            float[] changed = [.. numbers];
            changed[position * ModelSize] += 1;

            float[] actual = Forward(layer, changed);

            int before = position * ModelSize;
            Tolerance.SameBits($"before {position}", actual.AsSpan(0, before), expected.AsSpan(0, before));
            actual.AsSpan(before, ModelSize).SequenceEqual(expected.AsSpan(before, ModelSize)).Should().BeFalse("position {0} changed", position);
        }
    }

    [Fact]
    public void CrossAttention_DoesNotSeeTheOrderOfMemory()
    {
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(Options()), 1);
        using Variable query = LayerNumbers.Input(2, 1, 5, ModelSize);
        using Variable memory = LayerNumbers.Input(3, 1, Length, ModelSize);
        int[] order = [4, 0, 8, 2, 6, 1, 7, 3, 5];
        bool[] allowed = [true, true, false, true, true, false, true, true, true];
        using Variable shuffled = Variable.Constant(Rows(memory.Data, order));

        float[] expected = LayerNumbers.Take(layer.Forward(query, memory, memory, Keys(allowed)));
        float[] actual = LayerNumbers.Take(layer.Forward(query, shuffled, shuffled, Keys([.. order.Select(row => allowed[row])])));

        Tolerance.Reordered("output", actual, expected, Roundings);
    }

    [Fact]
    public void PaddingWithNaN_ChangesNoBit()
    {
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(Options() with { HasQueryKeyNorm = true }), 1);
        using Variable query = LayerNumbers.Input(2, Batch, 5, ModelSize);
        using Variable memory = LayerNumbers.Input(3, Batch, Length, ModelSize);
        float[] numbers = memory.Data.ToArray();
        numbers.AsSpan(6 * ModelSize, 3 * ModelSize).Fill(float.NaN);
        numbers.AsSpan((Length + 8) * ModelSize).Fill(float.NaN);
        using Variable poisoned = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Length, ModelSize));
        var mask = new KeyLengthMask([6, 8]);

        float[] expected = LayerNumbers.Take(layer.Forward(query, memory, memory, mask));
        float[] actual = LayerNumbers.Take(layer.Forward(query, poisoned, poisoned, mask));

        expected.Should().OnlyContain(number => float.IsFinite(number));
        Tolerance.SameBits("output", actual, expected);
    }

    [Fact]
    public void AQueryThatSeesNothing_GetsTheOutputBias()
    {
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(Options()), 1);
        using Variable input = LayerNumbers.Input(2, 1, Length, ModelSize);

        float[] output = LayerNumbers.Take(layer.Forward(input, new KeyLengthMask(0)));

        float[] bias = LayerNumbers.Parameters(layer)["out_proj.bias"];
        Tolerance.SameBits("output", output, [.. Enumerable.Range(0, Length).SelectMany(_ => bias)]);
    }

    [Fact]
    public void Rotary_SeesDistancesAlone()
    {
        var rotation = new Rotation(new RotaryTable(4), default);
        var options = new MultiHeadAttentionOptions { ModelSize = ModelSize, Heads = 3, Rotary = rotation };
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(options), 1);
        using MultiHeadAttention plain = LayerNumbers.Filled(new MultiHeadAttention(options with { Rotary = null }), 1);
        using Variable input = LayerNumbers.Input(2, Batch, Length, ModelSize);

        float[] near = LayerNumbers.Take(layer.Forward(input, input, input, default(NoMask), default(NoModifier)));
        float[] far = LayerNumbers.Take(layer.Forward(input, input, input, default(NoMask), default(NoModifier), offset: 40));

        Tolerance.Reordered("shifted", far, near, Roundings);
        near.Should().NotEqual(LayerNumbers.Take(plain.Forward(input)));
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 2 })]
    [InlineData(new[] { 3, 0 })]
    public void Weights_AreTheExponentialsOfScoresLessLogSumExp(int[] heads)
    {
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(Options() with { KeyValueHeads = 2 }), 1);
        using Variable input = LayerNumbers.Input(2, Batch, Length, ModelSize);
        double[] x = LayerNumbers.Doubles(input.Data);
        Dictionary<string, double[]> parameters = LayerNumbers.Doubles(layer);
        double[] projected = ReferenceLinear.Forward(x, parameters["in_proj_weight"], parameters["in_proj_bias"], ModelSize);
        int[] wanted = heads.Length == 0 ? [0, 1, 2, 3] : heads;
        var expected = new List<double>();
        for (int row = 0; row < Batch * wanted.Length * Length; row++)
        {
            (int batch, int head, int query) = (row / Length / wanted.Length, wanted[row / Length % wanted.Length], row % Length);
            double[] scores = [.. Enumerable.Range(0, Length).Select(key => Score(projected, (batch * Length) + query, (batch * Length) + key, head))];
            double logSumExp = Math.Log(scores.Take(query + 1).Sum(Math.Exp));
            expected.AddRange(scores.Select((score, key) => key <= query ? Math.Exp(score - logSumExp) : 0));
        }

        using DeviceTensor weights = layer.Weights(input, input, CausalMask.TopLeft, heads);

        weights.Lengths.ToArray().Should().Equal(Batch, wanted.Length, Length, Length);
        Tolerance.Golden("weights", weights.ToArray(), expected.ToArray());
    }

    [Fact]
    public void SeveralThreads_GiveTheBitsOfOne()
    {
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(Options() with { KeyValueHeads = 2, HasOutputGate = true }), 1);
        float[][] inputs = [.. Enumerable.Range(0, 4).Select(i => AttentionProblems.Normal(new Random(i), Length * ModelSize))];
        float[][] expected = [.. inputs.Select(numbers => Forward(layer, numbers))];
        Exception?[] failures = new Exception?[inputs.Length];
        Thread[] threads =
        [
            .. inputs.Select((numbers, i) => new Thread(() => failures[i] = Record.Exception(() =>
            {
                for (int repeat = 0; repeat < 30; repeat++)
                {
                    Tolerance.SameBits($"thread {i}", Forward(layer, numbers), expected[i]);
                }
            }))),
        ];

        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        failures.Should().OnlyContain(failure => failure == null);
    }

    private static MultiHeadAttentionOptions Options() => new() { ModelSize = ModelSize, Heads = Heads };

    private static float[] Forward(MultiHeadAttention layer, float[] numbers)
    {
        using Variable input = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, 1, Length, ModelSize));
        return LayerNumbers.Take(layer.Forward(input, CausalMask.TopLeft));
    }

    private static (float[] Output, float[] Input, Dictionary<string, float[]> Gradients) Train(MultiHeadAttention layer, float[] numbers)
    {
        using var tape = new Tape();
        using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Length, ModelSize));
        using Variable output = layer.Forward(input, CausalMask.TopLeft);
        using DeviceTensor gradient = LayerNumbers.Tensor(9, output.Data.Lengths);
        tape.Backward(output, gradient);
        return (output.Data.ToArray(), input.Gradient!.ToArray(), LayerNumbers.TakeGradients(layer));
    }

    /// <summary>Gives every head of <paramref name="full"/> the key and value weights of its group's head.</summary>
    private static void Repeat(MultiHeadAttention grouped, MultiHeadAttention full, int keyValueHeads)
    {
        Dictionary<string, Parameter> target = full.NamedParameters().ToDictionary();
        foreach ((string name, float[] values) in LayerNumbers.Parameters(grouped))
        {
            int width = name == "in_proj_weight" ? ModelSize : 1;
            LayerNumbers.Set(target[name], name.StartsWith("in_proj", StringComparison.Ordinal) ? Spread(values, width, keyValueHeads) : values);
        }
    }

    /// <summary>Rows of query, key and value heads, the latter two repeated for every head of their group.</summary>
    private static float[] Spread(float[] rows, int width, int keyValueHeads)
    {
        int head = HeadSize * width;
        float[][] heads = [.. rows.Chunk(head)];
        int group = Heads / keyValueHeads;
        IEnumerable<float[]> keys = Enumerable.Range(0, Heads).Select(h => heads[Heads + (h / group)]);
        IEnumerable<float[]> values = Enumerable.Range(0, Heads).Select(h => heads[Heads + keyValueHeads + (h / group)]);
        return [.. heads.Take(Heads).Concat(keys).Concat(values).SelectMany(numbers => numbers)];
    }

    /// <summary>The gradients of query, key and value heads, the latter two summed up over every group.</summary>
    private static float[] Gathered(float[] rows, int keyValueHeads)
    {
        float[][] heads = [.. rows.Chunk(rows.Length / (3 * Heads))];
        int group = Heads / keyValueHeads;
        IEnumerable<float[]> sums = heads.Skip(Heads).Chunk(group).Select(
            members => Enumerable.Range(0, members[0].Length).Select(i => (float)members.Sum(member => (double)member[i])).ToArray());
        return [.. heads.Take(Heads).Concat(sums).SelectMany(numbers => numbers)];
    }

    private static DeviceTensor Rows(DeviceTensor tensor, int[] order)
    {
        float[][] rows = [.. tensor.ToArray().Chunk(ModelSize)];
        return DeviceTensor.Create(CpuBackend.Shared, [.. order.SelectMany(row => rows[row])], 1, order.Length, ModelSize);
    }

    private static DenseMask Keys(bool[] allowed) => new(new ReadOnlyTensorSpan<bool>(allowed, [1, 1, 1, allowed.Length]));

    /// <summary>The scaled score of two rows of a packed projection with two key heads.</summary>
    private static double Score(double[] projected, int queryRow, int keyRow, int head)
    {
        const int Width = (Heads + 4) * HeadSize;
        int query = (queryRow * Width) + (head * HeadSize);
        int key = (keyRow * Width) + ((Heads + (head / 2)) * HeadSize);
        return Enumerable.Range(0, HeadSize).Sum(i => projected[query + i] * projected[key + i]) / Math.Sqrt(HeadSize);
    }

    [Fact]
    public void Weights_AreThoseOfTheCallWithItsModifierAndBias()
    {
        using MultiHeadAttention layer = new(8, 2);
        using Variable input = Variable.Constant(LayerNumbers.Tensor(1, 1, 4, 8));
        using Variable bias = Variable.Constant(LayerNumbers.Tensor(2, 1, 2, 4, 4));
        using DeviceTensor plain = layer.Weights(input, input, CausalMask.TopLeft);
        using DeviceTensor changed = layer.Weights(input, input, CausalMask.TopLeft, new AlibiModifier(2), bias);
        using DeviceTensor second = layer.Weights(input, input, CausalMask.TopLeft, new AlibiModifier(2), bias, 0, 1);

        changed.ToArray().Should().NotEqual(plain.ToArray());
        changed.ToArray().Chunk(4).Should().OnlyContain(row => Math.Abs(row.Sum() - 1) < 1e-6f);
        Tolerance.SameBits("head 1", second.ToArray(), changed.ToArray().AsSpan(16));
    }
}
