using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What stacks must be, whatever their weights are.</summary>
public class TransformerTests
{
    private const int ModelSize = 12;
    private const int Batch = 2;
    private const int Length = 7;

    /// <summary>Roundings by which two orders of a stack may differ: those of one product for each of the two layers' six in a row.</summary>
    private const double Roundings = 2 * 6 * 16;

    [Theory]
    [InlineData(NormOrder.Post)]
    [InlineData(NormOrder.Pre)]
    public void AnEncoderWithoutPositions_FollowsAPermutation(NormOrder order)
    {
        using TransformerEncoder encoder = LayerNumbers.Filled(new TransformerEncoder(2, Options(order)), 1);
        using Variable input = LayerNumbers.Input(2, 1, Length, ModelSize);
        int[] permutation = [3, 0, 6, 1, 5, 2, 4];
        using Variable permuted = Variable.Constant(Rows(input.Data.ToArray(), permutation));
        using DeviceTensor expected = Rows(LayerNumbers.Take(encoder.Forward(input, default(NoMask))), permutation);

        float[] actual = LayerNumbers.Take(encoder.Forward(permuted, default(NoMask)));

        Tolerance.Reordered("output", actual, expected.ToArray(), Roundings);
    }

    [Theory]
    [InlineData(NormOrder.Post)]
    [InlineData(NormOrder.Pre)]
    public void AChangedTarget_ChangesNothingBefore(NormOrder order)
    {
        using Transformer model = LayerNumbers.Filled(new Transformer(1, 2, Options(order)), 1);
        using Variable source = LayerNumbers.Input(2, 1, 4, ModelSize);
        float[] numbers = AttentionProblems.Normal(new Random(3), Length * ModelSize);
        float[] expected = Forward(model, source, numbers);
        for (int position = 0; position < Length; position++)
        {
            float[] changed = [.. numbers];
            changed[position * ModelSize] += 1;

            float[] actual = Forward(model, source, changed);

            int before = position * ModelSize;
            Tolerance.SameBits($"before {position}", actual.AsSpan(0, before), expected.AsSpan(0, before));
            actual.AsSpan(before, ModelSize).SequenceEqual(expected.AsSpan(before, ModelSize)).Should().BeFalse("position {0} changed", position);
        }
    }

    [Fact]
    public void SourcePaddingWithNaN_ChangesNoBitOfTheTarget()
    {
        using Transformer model = LayerNumbers.Filled(new Transformer(2, 2, Options(NormOrder.Pre)), 1);
        using Variable source = LayerNumbers.Input(2, Batch, Length, ModelSize);
        using Variable target = LayerNumbers.Input(3, Batch, 4, ModelSize);
        float[] numbers = source.Data.ToArray();
        numbers.AsSpan(5 * ModelSize, 2 * ModelSize).Fill(float.NaN);
        using Variable poisoned = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Length, ModelSize));
        var mask = new KeyLengthMask([5, 7]);

        float[] expected = LayerNumbers.Take(model.Forward(source, target, mask, CausalMask.TopLeft));
        float[] actual = LayerNumbers.Take(model.Forward(poisoned, target, mask, CausalMask.TopLeft));

        expected.Should().OnlyContain(number => float.IsFinite(number));
        Tolerance.SameBits("output", actual, expected);
    }

    [Fact]
    public void APreNormStack_EndsNormalised()
    {
        using var encoder = new TransformerEncoder(2, Options(NormOrder.Pre));
        using var open = new TransformerEncoder(2, Options(NormOrder.Pre) with { HasLastNorm = false });
        using Variable input = LayerNumbers.Input(2, Batch, Length, ModelSize);
        using var norm = new LayerNorm(ModelSize);
        using Variable raw = open.Forward(input, default(NoMask));

        float[] output = LayerNumbers.Take(encoder.Forward(input, default(NoMask)));

        Tolerance.SameBits("output", output, LayerNumbers.Take(norm.Forward(raw)));
        foreach (float[] row in output.Chunk(ModelSize))
        {
            row.Average(number => (double)number).Should().BeApproximately(0, 1e-6);
            row.Average(number => (double)number * number).Should().BeApproximately(1, 1e-4, "epsilon takes a little");
        }
    }

    [Theory]
    [InlineData(NormOrder.Post)]
    [InlineData(NormOrder.Pre)]
    public void Recomputing_GivesTheGradientsOfKeeping(NormOrder order)
    {
        using TransformerEncoder encoder = LayerNumbers.Filled(new TransformerEncoder(3, Options(order)), 1);

        (float[] expectedOutput, float[] expectedInput, Dictionary<string, float[]> expected) = Train(encoder, recompute: false);
        (float[] output, float[] inputGradient, Dictionary<string, float[]> actual) = Train(encoder, recompute: true);

        Tolerance.SameBits("output", output, expectedOutput);
        Tolerance.SameBits("input", inputGradient, expectedInput);
        foreach ((string name, float[] gradient) in expected)
        {
            Tolerance.SameBits(name, actual[name], gradient);
        }
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(2, 0)]
    public void NoSequencesOrNoPositions_GiveNothing_AndGradientsOfZero(int batch, int length)
    {
        using TransformerEncoder encoder = LayerNumbers.Filled(new TransformerEncoder(1, Options(NormOrder.Pre)), 1);
        using var tape = new Tape();
        using Variable input = tape.Watch(LayerNumbers.Tensor(2, batch, length, ModelSize));
        using Variable output = encoder.Forward(input, CausalMask.TopLeft);
        using DeviceTensor gradient = LayerNumbers.Tensor(3, output.Data.Lengths);

        tape.Backward(output, gradient);

        output.Data.Lengths.ToArray().Should().Equal(batch, length, ModelSize);
        foreach ((string name, float[] values) in LayerNumbers.TakeGradients(encoder))
        {
            values.Should().OnlyContain(number => number == 0, "nothing depends on {0}", name);
        }
    }

    [Fact]
    public void SeveralThreads_GiveTheBitsOfOne()
    {
        using Transformer model = LayerNumbers.Filled(new Transformer(1, 1, Options(NormOrder.Pre)), 1);
        using Variable source = LayerNumbers.Input(2, 1, 4, ModelSize);
        float[][] targets = [.. Enumerable.Range(0, 3).Select(i => AttentionProblems.Normal(new Random(i), Length * ModelSize))];
        float[][] expected = [.. targets.Select(target => Forward(model, source, target))];
        Exception?[] failures = new Exception?[targets.Length];
        Thread[] threads =
        [
            .. targets.Select((target, i) => new Thread(() => failures[i] = Record.Exception(() =>
            {
                for (int repeat = 0; repeat < 20; repeat++)
                {
                    Tolerance.SameBits($"thread {i}", Forward(model, source, target), expected[i]);
                }
            }))),
        ];

        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        failures.Should().OnlyContain(failure => failure == null);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void ATrainingStep_HasTheSameBitsForAnyNumberOfWorkers(int workers)
    {
        Dictionary<string, float[]> expected = Step(new CpuBackend(1));

        foreach ((string name, float[] values) in Step(new CpuBackend(workers)))
        {
            Tolerance.SameBits(name, values, expected[name]);
        }
    }

    private static TransformerOptions Options(NormOrder order) => new()
    {
        Attention = new MultiHeadAttentionOptions { ModelSize = ModelSize, Heads = 3 },
        FeedForwardSize = 20,
        FeedForward = FeedForwardKind.Gelu,
        NormOrder = order,
    };

    private static float[] Forward(Transformer model, Variable source, float[] numbers)
    {
        using Variable target = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, 1, Length, ModelSize));
        return LayerNumbers.Take(model.Forward(source, target, default(NoMask), CausalMask.TopLeft));
    }

    private static (float[] Output, float[] Input, Dictionary<string, float[]> Gradients) Train(TransformerEncoder encoder, bool recompute)
    {
        using var tape = new Tape();
        using Variable input = tape.Watch(LayerNumbers.Tensor(2, Batch, Length, ModelSize));
        using Variable output = encoder.Forward(input, CausalMask.TopLeft, recompute);
        using DeviceTensor gradient = LayerNumbers.Tensor(9, output.Data.Lengths);
        tape.Backward(output, gradient);
        return (output.Data.ToArray(), input.Gradient!.ToArray(), LayerNumbers.TakeGradients(encoder));
    }

    /// <summary>The parameters after two steps of Adam with dropout.</summary>
    private static Dictionary<string, float[]> Step(CpuBackend backend)
    {
        TransformerOptions options = Options(NormOrder.Pre) with { Dropout = 0.1f };
        using var encoder = new TransformerEncoder(2, options with { Attention = options.Attention with { Dropout = 0.1f } }, backend);
        using var adam = new Adam(encoder.NamedParameters().Select(entry => entry.Value));
        for (ulong step = 1; step <= 2; step++)
        {
            using var tape = new Tape(seed: step);
            using Variable input = tape.Constant(DeviceTensor.Create(
                backend, AttentionProblems.Normal(new Random((int)step), 3 * 50 * ModelSize), 3, 50, ModelSize));
            using Variable output = encoder.Forward(input, CausalMask.TopLeft);
            using Variable squares = Differentiable.Multiply(output, input);
            using Variable loss = Differentiable.Sum(squares);
            tape.Backward(loss);
            adam.Step(1e-3f, maxGradientNorm: 1);
        }

        return LayerNumbers.Parameters(encoder);
    }

    private static DeviceTensor Rows(float[] numbers, int[] order)
    {
        float[][] rows = [.. numbers.Chunk(ModelSize)];
        return DeviceTensor.Create(CpuBackend.Shared, [.. order.SelectMany(row => rows[row])], 1, order.Length, ModelSize);
    }
}
