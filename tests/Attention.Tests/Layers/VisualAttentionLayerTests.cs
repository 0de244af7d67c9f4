using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Soft and hard visual attention against plain loops in double, with the gradient of every parameter and input.</summary>
public class VisualAttentionLayerTests
{
    private const int Batch = 2;
    private const int Regions = 6;
    private const int Steps = 3;
    private static readonly int[] s_regions = [6, 4];
    private static readonly int[] s_steps = [3, 2];

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void EverythingAndItsGradients_AgreeWithDouble(bool hasGate, bool isHard)
    {
        using VisualAttentionLayer layer = Create(hasGate);
        using var tape = new Tape();
        using Variable annotations = tape.Watch(LayerNumbers.Tensor(1, Batch, Regions, 5));
        using Variable states = tape.Watch(LayerNumbers.Tensor(2, Batch, Steps, 4));
        KeyLengthMask mask = new(s_regions);
        int[] choices = [0, 5, 2, 3, 3, 1];
        double[] annotationNumbers = LayerNumbers.Doubles(annotations.Data);
        double[] stateNumbers = LayerNumbers.Doubles(states.Data);
        ReferenceVisualAttention reference = Reference(layer);

        using VisualMemory memory = layer.Prepare(annotations);
        (Variable hidden, Variable cell) = layer.InitialStates(memory, mask);
        using VisualContext result = isHard
            ? layer.Choose(states, memory, mask, KeyChoice.Given, choices)
            : layer.ForwardWithWeights(states, memory, mask);

        // Everything that came out, times fixed numbers: one loss for all gradients.
        List<(string Name, Variable Result, Func<double[]> Expected)> parts =
        [
            ("hidden", hidden, () => reference.InitialState("initial_hidden", annotationNumbers, Batch)),
            ("cell", cell, () => reference.InitialState("initial_cell", annotationNumbers, Batch)),
            ("context", result.Context, () => reference.Contexts(annotationNumbers, stateNumbers, Batch, isHard ? choices : null)),
        ];
        if (isHard)
        {
            parts.Add(("log-probability", result.Choice!.LogProbability, () => [.. Rows().Select((row, i) => row.LogWeights[choices[i]])]));
            parts.Add(("entropy", result.Choice.Entropy, () => [.. Rows().Select(row => row.Entropy)]));
        }
        else
        {
            Variable penalty = Differentiable.DoublyStochasticPenalty(result.Weights!, 0.7f, s_steps, s_regions);
            parts.Add(("weights", result.Weights!, () => [.. Rows().SelectMany(row => row.Weights)]));
            parts.Add(("penalty", penalty, () => [0.7 * ReferenceVisualAttention.Penalty(Rows(), s_steps, s_regions)]));
        }

        Variable? loss = null;
        List<double[]> factors = [];
        foreach ((string name, Variable part, Func<double[]> expected) in parts)
        {
            Tolerance.Golden(name, part.Data.ToArray(), expected());
            using Variable factor = Variable.Constant(LayerNumbers.Tensor(10 + factors.Count, part.Data.Lengths));
            factors.Add(LayerNumbers.Doubles(factor.Data));
            Variable product = Differentiable.Sum(Differentiable.Multiply(part, factor));
            loss = loss is null ? product : Differentiable.Add(loss, product);
        }

        tape.Backward(loss!);

        double Loss() => parts.Zip(factors, (part, factor) => part.Expected().Zip(factor, (x, y) => x * y).Sum()).Sum();
        Tolerance.Golden("gradient of annotations", annotations.Gradient!.ToArray(), FiniteDifferences.Gradient(annotationNumbers, Loss));
        Tolerance.Golden("gradient of states", states.Gradient!.ToArray(), FiniteDifferences.Gradient(stateNumbers, Loss));
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden($"gradient of {name}", parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(reference.Weights[name], Loss));
        }

        HardAttentionRow<double>[] Rows() => reference.Rows(annotationNumbers, stateNumbers, Batch);
    }

    [Fact]
    public void OneStepAtATime_GivesTheNumbersOfAll()
    {
        using VisualAttentionLayer layer = Create(true);
        using Variable annotations = LayerNumbers.Input(1, Batch, Regions, 5);
        using Variable states = LayerNumbers.Input(2, Batch, Steps, 4);
        KeyLengthMask mask = new(s_regions);
        using VisualMemory memory = layer.Prepare(annotations);
        using Variable soft = layer.Forward(states, memory, mask);
        using VisualContext weighted = layer.ForwardWithWeights(states, memory, mask);
        using VisualContext hard = layer.Choose(states, memory, mask, KeyChoice.Largest);
        Tolerance.SameBits("with weights", weighted.Context.Data.ToArray(), soft.Data.ToArray());
        for (int step = 0; step < Steps; step++)
        {
            using Variable cut = states.Slice(1, step, 1);
            using Variable state = Differentiable.Copy(cut);
            using Variable softStep = layer.Forward(state, memory, mask);
            using VisualContext hardStep = layer.Choose(state, memory, mask, KeyChoice.Largest);
            using Variable softAll = soft.Slice(1, step, 1);
            using Variable hardAll = hard.Context.Slice(1, step, 1);

            // Matrix products of other sizes may add in another order.
            Tolerance.Reordered("soft", softStep.Data.ToArray(), softAll.Data.ToArray());
            Tolerance.Reordered("hard", hardStep.Context.Data.ToArray(), hardAll.Data.ToArray());
        }
    }

    [Fact]
    public void OneHotWeights_MakeHardAndSoftEqual()
    {
        using VisualAttentionLayer layer = Create(true);
        Parameter score = layer.NamedParameters().Single(entry => entry.Key == "score").Value;
        LayerNumbers.Set(score, Array.ConvertAll(score.Data.ToArray(), x => 1e4f * x));
        using Variable annotations = LayerNumbers.Input(1, Batch, Regions, 5);
        using Variable states = LayerNumbers.Input(2, Batch, Steps, 4);
        using VisualMemory memory = layer.Prepare(annotations);
        using VisualContext soft = layer.ForwardWithWeights(states, memory, default(NoMask));
        using VisualContext hard = layer.Choose(states, memory, default(NoMask), KeyChoice.Sampled(4));
        soft.Weights!.Data.ToArray().Should().OnlyContain(x => x == 0 || x == 1);
        Tolerance.Reordered("context", hard.Context.Data.ToArray(), soft.Context.Data.ToArray());
    }

    [Fact]
    public void AClosedGate_RemovesTheImage()
    {
        using VisualAttentionLayer layer = Create(true);
        LayerNumbers.Set(layer.NamedParameters().Single(entry => entry.Key == "gate.bias").Value, [-200]);
        using Variable annotations = LayerNumbers.Input(1, Batch, Regions, 5);
        using Variable states = LayerNumbers.Input(2, Batch, Steps, 4);
        using VisualMemory memory = layer.Prepare(annotations);
        using Variable context = layer.Forward(states, memory, default(NoMask));
        context.Data.ToArray().Should().OnlyContain(x => MathF.Abs(x) < 1e-30f);
    }

    [Fact]
    public void PaddedRegions_OfNaN_ChangeNoBit()
    {
        using VisualAttentionLayer layer = Create(true);
        float[] numbers = LayerNumbers.Tensor(1, Batch, Regions, 5).ToArray();
        using Variable states = LayerNumbers.Input(2, Batch, Steps, 4);
        float[] clean = Run(numbers);
        numbers.AsSpan((Regions + 4) * 5).Fill(float.NaN);
        Tolerance.SameBits("contexts", Run(numbers), clean);

        float[] Run(float[] values)
        {
            using Variable annotations = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, values, Batch, Regions, 5));
            using VisualMemory memory = layer.Prepare(annotations);
            using VisualContext soft = layer.ForwardWithWeights(states, memory, new KeyLengthMask(s_regions));
            using VisualContext hard = layer.Choose(states, memory, new KeyLengthMask(s_regions), KeyChoice.Sampled(3));
            (Variable hidden, Variable cell) = layer.InitialStates(memory, new KeyLengthMask(s_regions));
            return [.. soft.Context.Data.ToArray(), .. hard.Context.Data.ToArray(), .. hidden.Data.ToArray(), .. cell.Data.ToArray()];
        }
    }

    [Fact]
    public void OnAnyBackend_ItMovesNothingToOrFromTheHost()
    {
        var counting = new CountingBackend();
        float[] expected = Run(CpuBackend.Shared);
        Tolerance.SameBits("results", Run(counting), expected);

        static float[] Run(IComputeBackend backend)
        {
            using VisualAttentionLayer layer = LayerNumbers.Filled(new VisualAttentionLayer(Options(true), backend), 5, 0.8f);
            using var tape = new Tape();
            using Variable annotations = tape.Watch(DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(1), Batch * Regions * 5), Batch, Regions, 5));
            using Variable states = tape.Watch(DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(2), Batch * Steps * 4), Batch, Steps, 4));
            long moved = Moved(backend);
            using VisualMemory memory = layer.Prepare(annotations);
            using VisualContext soft = layer.ForwardWithWeights(states, memory, new KeyLengthMask(s_regions));
            using VisualContext hard = layer.Choose(states, memory, new KeyLengthMask(s_regions), KeyChoice.Sampled(3));
            using Variable penalty = Differentiable.DoublyStochasticPenalty(soft.Weights!, 1, s_steps, s_regions);
            using Variable softSum = Differentiable.Sum(soft.Context);
            using Variable hardSum = Differentiable.Sum(hard.Choice!.LogProbability);
            using Variable sums = Differentiable.Add(softSum, hardSum);
            using Variable loss = Differentiable.Add(sums, penalty);
            tape.Backward(loss);
            Moved(backend).Should().Be(moved);
            return [.. soft.Context.Data.ToArray(), .. hard.Context.Data.ToArray(), .. annotations.Gradient!.ToArray(), .. states.Gradient!.ToArray()];
        }

        static long Moved(IComputeBackend backend) => backend is CountingBackend counting ? counting.Uploaded + counting.Downloaded : 0;
    }

    [Fact]
    public void SavedAndLoaded_ItGivesTheSame()
    {
        using var folder = new TemporaryFolder();
        using VisualAttentionLayer layer = Create(true);
        using var other = new VisualAttentionLayer(Options(true) with { Seed = 99 });
        string path = Path.Combine(folder.Path, "visual.safetensors");
        layer.Save(path);
        other.Load(path);
        foreach ((string name, float[] values) in LayerNumbers.Parameters(layer))
        {
            Tolerance.SameBits(name, LayerNumbers.Parameters(other)[name], values);
        }
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        using VisualAttentionLayer layer = Create(true);
        using Variable annotations = LayerNumbers.Input(1, Batch, Regions, 5);
        using Variable narrow = LayerNumbers.Input(2, Batch, Steps, 3);
        using Variable more = LayerNumbers.Input(2, 3, Steps, 4);
        using VisualMemory memory = layer.Prepare(annotations);
        FluentActions.Invoking(() => layer.Prepare(narrow)).Should().Throw<ArgumentException>().WithParameterName("annotations");
        FluentActions.Invoking(() => layer.Forward(narrow, memory, default(NoMask))).Should().Throw<ArgumentException>().WithParameterName("state");
        FluentActions.Invoking(() => layer.Forward(more, memory, default(NoMask))).Should().Throw<ArgumentException>().WithParameterName("state");
        FluentActions.Invoking(() => new VisualAttentionLayer(Options(true) with { HiddenSize = 0 })).Should().Throw<ArgumentException>().WithParameterName("options");
    }

    [Fact]
    public void TheLearnedBaseline_LearnsFromErrors_AndLeavesTheStateAlone()
    {
        using var baseline = new LearnedBaseline(4);
        using var tape = new Tape();
        using Variable state = tape.Watch(LayerNumbers.Tensor(1, 3, 4));
        using Variable prediction = baseline.Forward(state);
        using Variable loss = LearnedBaseline.Loss(prediction, [1, 2, -3]);
        prediction.Data.ToArray().Should().Equal(0, 0, 0);
        loss.Data.ToArray()[0].Should().BeApproximately(14f / 3, 1e-6f);

        tape.Backward(loss);
        state.Gradient.Should().BeNull();
        Parameter bias = baseline.NamedParameters().Single(entry => entry.Key == "bias").Value;
        bias.Gradient!.ToArray()[0].Should().BeApproximately(0, 1e-6f);
        double[] states = LayerNumbers.Doubles(state.Data);
        double[] expected = [.. Enumerable.Range(0, 4).Select(i => -2 * (states[i] + 2 * states[4 + i] - 3 * states[8 + i]) / 3)];
        Tolerance.Golden("weight", baseline.NamedParameters().Single(entry => entry.Key == "weight").Value.Gradient!.ToArray(), expected);
    }

    private static VisualAttentionOptions Options(bool hasGate) => new() { AnnotationSize = 5, StateSize = 4, HiddenSize = 7, HasGate = hasGate };

    private static VisualAttentionLayer Create(bool hasGate) => LayerNumbers.Filled(new VisualAttentionLayer(Options(hasGate)), 5, 0.8f);

    private static ReferenceVisualAttention Reference(VisualAttentionLayer layer) =>
        new(5, 4, 7) { Weights = LayerNumbers.Doubles(layer), Mask = (batch, _, region) => region < s_regions[batch] };
}
