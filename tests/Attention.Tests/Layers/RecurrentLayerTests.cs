using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Recurrent layers: the reference with their parameters, steps and sequences, both directions, checkpoints.</summary>
public class RecurrentLayerTests
{
    private const int Batch = 3;
    private const int Length = 4;
    private const int InputSize = 5;
    private const int HiddenSize = 3;
    private static readonly int[] s_lengths = [4, 2, 1];

    public static TheoryData<RecurrentCell, bool> Kinds => new()
    {
        { RecurrentCell.GruResetAfter, true },
        { RecurrentCell.GruResetAfter, false },
        { RecurrentCell.GruResetBefore, true },
        { RecurrentCell.Lstm, true },
        { RecurrentCell.Lstm, false },
    };

    /// <summary>Output and the gradient of the input and of every parameter.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sequences_AgreeWithDouble(RecurrentCell cell, bool hasBias)
    {
        foreach (bool isReversed in (bool[])[false, true])
        {
            using RecurrentLayer layer = LayerNumbers.Filled(Layer(cell, hasBias, isReversed), 7);
            using var tape = new Tape();
            using Variable input = tape.Watch(LayerNumbers.Tensor(1, Batch, Length, InputSize));
            using RecurrenceResult result = layer.Forward(input, s_lengths);
            double[] numbers = LayerNumbers.Doubles(input.Data);
            Dictionary<string, double[]> weights = LayerNumbers.Doubles(layer);
            double[] Reference() => Recurrence(cell, numbers, weights, isReversed).Output;
            Check(tape, layer, result.Output, Reference, weights, (input, numbers));
        }
    }

    [Fact]
    public void BothDirections_AgreeWithDouble()
    {
        using BidirectionalLayer layer = LayerNumbers.Filled(BidirectionalLayer.Gru(InputSize, HiddenSize), 7);
        using var tape = new Tape();
        using Variable input = tape.Watch(LayerNumbers.Tensor(1, Batch, Length, InputSize));
        using RecurrenceResult result = layer.Forward(input, s_lengths);
        using Variable last = result.FinalState.Reshape(Batch, 1, 2 * HiddenSize);
        using Variable output = Differentiable.Concatenate(1, result.Output, last);
        double[] numbers = LayerNumbers.Doubles(input.Data);
        Dictionary<string, double[]> weights = LayerNumbers.Doubles(layer);

        Check(tape, layer, output, Reference, weights, (input, numbers));

        double[] Reference()
        {
            RecurrenceLoops<double> forward = Recurrence(RecurrentCell.GruResetAfter, numbers, weights, false);
            RecurrenceLoops<double> backward = Recurrence(RecurrentCell.GruResetAfter, numbers, weights, true);
            List<double> all = [];
            for (int batch = 0; batch < Batch; batch++)
            {
                for (int position = 0; position <= Length; position++)
                {
                    foreach (RecurrenceLoops<double> loops in (RecurrenceLoops<double>[])[forward, backward])
                    {
                        all.AddRange(position < Length
                            ? loops.Output.Skip(((batch * Length) + position) * HiddenSize).Take(HiddenSize)
                            : loops.FinalState.Skip(batch * HiddenSize).Take(HiddenSize));
                    }
                }
            }

            return [.. all];
        }
    }

    [Theory]
    [InlineData(GruConvention.ResetAfter)]
    [InlineData(GruConvention.ResetBefore)]
    public void GruSteps_AreTheSequence(GruConvention convention)
    {
        using GruLayer layer = LayerNumbers.Filled(new GruLayer(InputSize, HiddenSize, convention), 7);
        using Variable input = LayerNumbers.Input(1, Batch, Length, InputSize);
        using Variable initial = LayerNumbers.Input(2, Batch, HiddenSize);
        using RecurrenceResult whole = layer.Forward(input, null, initial);
        Variable state = layer.Step(At(input, 0), initial);
        for (int position = 0; position < Length; position++)
        {
            if (position > 0)
            {
                using Variable before = state;
                state = layer.Step(At(input, position), before);
            }

            Tolerance.SameBits($"state {position}", state.Data.ToArray(), At(whole.Output, position).Data.ToArray());
        }

        Tolerance.SameBits("last state", state.Data.ToArray(), whole.FinalState.Data.ToArray());
        state.Dispose();
    }

    [Fact]
    public void LstmSteps_AreTheSequence()
    {
        using LstmLayer layer = LayerNumbers.Filled(new LstmLayer(InputSize, HiddenSize), 7);
        using Variable input = LayerNumbers.Input(1, Batch, Length, InputSize);
        using var initial = new LstmState(LayerNumbers.Input(2, Batch, HiddenSize), LayerNumbers.Input(3, Batch, HiddenSize));
        using RecurrenceResult whole = layer.Forward(input, null, initial);
        LstmState state = layer.Step(At(input, 0), initial);
        for (int position = 1; position < Length; position++)
        {
            using LstmState before = state;
            state = layer.Step(At(input, position), before);
            Tolerance.SameBits($"state {position}", state.Hidden.Data.ToArray(), At(whole.Output, position).Data.ToArray());
        }

        Tolerance.SameBits("last cell", state.Cell.Data.ToArray(), whole.FinalCell!.Data.ToArray());
        state.Dispose();
    }

    /// <summary>A decoder's steps on one tape have the gradients of the sequence.</summary>
    [Fact]
    public void StepsOnATape_HaveTheGradientsOfTheSequence()
    {
        using LstmLayer layer = LayerNumbers.Filled(new LstmLayer(InputSize, HiddenSize), 7);
        using DeviceTensor gradient = LayerNumbers.Tensor(11, Batch, HiddenSize);
        using (var tape = new Tape())
        {
            using Variable input = tape.Constant(LayerNumbers.Tensor(1, Batch, Length, InputSize));
            using RecurrenceResult whole = layer.Forward(input);
            tape.Backward(whole.FinalState, gradient);
        }

        Dictionary<string, float[]> expected = Gradients(layer);
        layer.ClearGradients();
        using (var tape = new Tape())
        {
            using Variable input = tape.Constant(LayerNumbers.Tensor(1, Batch, Length, InputSize));
            LstmState? state = null;
            for (int position = 0; position < Length; position++)
            {
                using LstmState? before = state;
                state = layer.Step(At(input, position), before);
            }

            tape.Backward(state!.Hidden, gradient);
            state.Dispose();
        }

        foreach ((string name, float[] numbers) in Gradients(layer))
        {
            Tolerance.Reordered(name, numbers, expected[name]);
        }

        static Dictionary<string, float[]> Gradients(Layer layer) =>
            layer.NamedParameters().ToDictionary(entry => entry.Key, entry => entry.Value.Gradient!.ToArray());
    }

    /// <summary>Neither results nor gradients see what lies behind the end of a sequence.</summary>
    [Fact]
    public void NanInThePadding_ChangesNoBit()
    {
        float[] clean = AttentionProblems.Normal(new Random(1), Batch * Length * InputSize);
        float[] poisoned = [.. clean.Select((x, i) => i / InputSize % Length < s_lengths[i / InputSize / Length] ? x : float.NaN)];
        float[][] expected = Run(clean);
        foreach ((float[] numbers, float[] other) in Run(poisoned).Zip(expected))
        {
            Tolerance.SameBits("output or gradient", numbers, other);
        }

        static float[][] Run(float[] numbers)
        {
            using BidirectionalLayer layer = LayerNumbers.Filled(BidirectionalLayer.Lstm(InputSize, HiddenSize), 7);
            using var tape = new Tape();
            using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Length, InputSize));
            using RecurrenceResult result = layer.Forward(input, s_lengths);
            using DeviceTensor gradient = LayerNumbers.Tensor(11, result.Output.Data.Lengths);
            tape.Backward(result.Output, gradient);
            return
            [
                result.Output.Data.ToArray(), result.FinalState.Data.ToArray(), result.FinalCell!.Data.ToArray(), input.Gradient!.ToArray(),
                .. layer.NamedParameters().Select(entry => entry.Value.Gradient!.ToArray()),
            ];
        }
    }

    [Fact]
    public void Names_AreThoseOfPyTorch()
    {
        using BidirectionalLayer layer = BidirectionalLayer.Gru(InputSize, HiddenSize);

        layer.NamedParameters().Select(entry => entry.Key).Should().Equal(
            "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0",
            "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse", "bias_hh_l0_reverse");
        layer.ForwardLayer.InputWeight.Data.Lengths.ToArray().Should().Equal(3 * HiddenSize, InputSize);
        layer.ForwardLayer.RecurrentWeight.Data.Lengths.ToArray().Should().Equal(3 * HiddenSize, HiddenSize);
    }

    [Fact]
    public void SavedAndLoaded_IsTheSame()
    {
        using var folder = new TemporaryFolder();
        using BidirectionalLayer saved = LayerNumbers.Filled(BidirectionalLayer.Lstm(InputSize, HiddenSize), 7);
        using BidirectionalLayer loaded = BidirectionalLayer.Lstm(InputSize, HiddenSize, seed: 5);
        using Variable input = LayerNumbers.Input(1, Batch, Length, InputSize);
        saved.Save(folder.File("layer.safetensors"));
        loaded.Load(folder.File("layer.safetensors"));
        using RecurrenceResult expected = saved.Forward(input);
        using RecurrenceResult result = loaded.Forward(input);

        Tolerance.SameBits("output", result.Output.Data.ToArray(), expected.Output.Data.ToArray());
    }

    [Fact]
    public void FirstWeights_AreAsDocumented()
    {
        using var layer = new LstmLayer(InputSize, HiddenSize, forgetBias: 1.5f, seed: 3);
        float[] recurrent = layer.RecurrentWeight.Data.ToArray();
        float[] bias = layer.InputBias!.Data.ToArray();

        for (int gate = 0; gate < 4; gate++)
        {
            float[] square = recurrent[(gate * 9)..((gate + 1) * 9)];
            float[] products = [.. Enumerable.Range(0, 9).Select(i => Enumerable.Range(0, 3).Sum(k => square[(i / 3 * 3) + k] * square[(i % 3 * 3) + k]))];
            Tolerance.Reordered("gate's rows", products, [1, 0, 0, 0, 1, 0, 0, 0, 1], 64);
        }

        bias.Should().Equal(0, 0, 0, 1.5f, 1.5f, 1.5f, 0, 0, 0, 0, 0, 0);
        layer.InputWeight.Data.ToArray().Should().OnlyContain(x => Math.Abs(x) <= Math.Sqrt(6.0 / (InputSize + HiddenSize)));
        layer.InputWeight.Data.ToArray().Distinct().Count().Should().BeGreaterThan(50);
    }

    /// <summary>A seed decides the first weights, and no gate of either direction begins like another.</summary>
    [Fact]
    public void TheSeed_DecidesTheFirstWeights()
    {
        Dictionary<string, float[]> expected = First(4);
        Dictionary<string, float[]> same = First(4);
        Dictionary<string, float[]> other = First(5);
        string[] matrices = [.. expected.Keys.Where(name => name.StartsWith("weight", StringComparison.Ordinal))];
        foreach (string name in matrices)
        {
            Tolerance.SameBits(name, same[name], expected[name]);
            other[name].Should().NotEqual(expected[name]);
        }

        // Input and state have the same size, so that all blocks of the gates could be seen to be equal.
        matrices.SelectMany(name => expected[name].Chunk(HiddenSize * HiddenSize)).Select(block => string.Join(' ', block))
            .Should().HaveCount(4 * 4).And.OnlyHaveUniqueItems();

        static Dictionary<string, float[]> First(ulong seed)
        {
            using BidirectionalLayer layer = BidirectionalLayer.Lstm(HiddenSize, HiddenSize, seed: seed);
            return LayerNumbers.Parameters(layer);
        }
    }

    [Fact]
    public void BadArguments_AreRefused()
    {
        using GruLayer layer = new(InputSize, HiddenSize);
        using GruLayer reversed = new(InputSize, HiddenSize, isReversed: true);
        using LstmLayer lstm = new(InputSize, HiddenSize);
        using Variable sequences = LayerNumbers.Input(1, Batch, Length, InputSize);
        using Variable rows = LayerNumbers.Input(1, Batch, InputSize);
        using Variable state = LayerNumbers.Input(1, Batch + 1, HiddenSize);
        using Variable good = LayerNumbers.Input(1, Batch, HiddenSize);
        using var mixed = new LstmState(good.Detach(), state.Detach());

        Refused(() => layer.Forward(rows), "input");
        Refused(() => layer.Forward(sequences, [1, 2]), "lengths");
        Refused(() => layer.Forward(sequences, [1, 2, 5]), "lengths");
        Refused(() => layer.Forward(sequences, null, state), "initialState");
        Refused(() => layer.Step(sequences, null), "input");
        Refused(() => layer.Step(rows, state), "state");
        Refused(() => lstm.Forward(sequences, null, mixed), "initialState");
        Refused(() => lstm.Step(rows, mixed), "state");
        Refused(() => _ = new GruLayer(0, 3), "inputSize");
        Refused(() => _ = new GruLayer(3, 0), "hiddenSize");
        Refused(() => _ = new GruLayer(3, 3, (GruConvention)5), "convention");
        Refused(() => _ = new BidirectionalLayer(reversed, reversed), "forward");
        Refused(() => _ = new BidirectionalLayer(layer, layer), "backward");

        static void Refused(Action call, string parameter) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private static RecurrentLayer Layer(RecurrentCell cell, bool hasBias, bool isReversed) => cell switch
    {
        RecurrentCell.Lstm => new LstmLayer(InputSize, HiddenSize, hasBias: hasBias, isReversed: isReversed),
        RecurrentCell.GruResetAfter => new GruLayer(InputSize, HiddenSize, GruConvention.ResetAfter, hasBias, isReversed),
        _ => new GruLayer(InputSize, HiddenSize, GruConvention.ResetBefore, hasBias, isReversed),
    };

    /// <summary>The reference over the input's gates, which are computed here.</summary>
    private static RecurrenceLoops<double> Recurrence(
        RecurrentCell cell, double[] input, Dictionary<string, double[]> weights, bool isReversed)
    {
        string end = isReversed ? "_l0_reverse" : "_l0";
        int rows = GatedRecurrence.Gates(cell) * HiddenSize;
        double[] inputWeight = weights[$"weight_ih{end}"];
        double[] inputBias = weights.TryGetValue($"bias_ih{end}", out double[]? bias) ? bias : new double[rows];
        double[] gates = new double[Batch * Length * rows];
        for (int i = 0; i < gates.Length; i++)
        {
            gates[i] = inputBias[i % rows];
            for (int k = 0; k < InputSize; k++)
            {
                gates[i] += input[(i / rows * InputSize) + k] * inputWeight[(i % rows * InputSize) + k];
            }
        }

        return RecurrenceLoops<double>.Run(new RecurrenceProblem<double>(cell, Batch, Length, HiddenSize)
        {
            InputGates = gates,
            Weight = weights[$"weight_hh{end}"],
            Bias = weights.GetValueOrDefault($"bias_hh{end}"),
            Lengths = s_lengths,
            IsReversed = isReversed,
        });
    }

    private static Variable At(Variable sequences, int position)
    {
        using Variable one = sequences.Slice(1, position, 1);
        return one.Reshape(sequences.Data.Lengths[0], sequences.Data.Lengths[2]);
    }

    private static void Check(
        Tape tape, Layer layer, Variable output, Func<double[]> reference, Dictionary<string, double[]> weights, (Variable Input, double[] Numbers) input)
    {
        Tolerance.Golden("output", output.Data.ToArray(), reference());
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        double[] factors = LayerNumbers.Doubles(gradient);
        double Loss() => reference().Zip(factors, (x, y) => x * y).Sum();
        tape.Backward(output, gradient);
        Tolerance.Golden("input's gradient", input.Input.Gradient!.ToArray(), FiniteDifferences.Gradient(input.Numbers, Loss));
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden($"gradient of {name}", parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(weights[name], Loss));
        }
    }
}
