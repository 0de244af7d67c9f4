using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>What holds of visual attention whatever the numbers: padding, empty axes, hidden regions, order, threads.</summary>
public class VisualAttentionLayerPropertyTests
{
    private const int Batch = 2;
    private const int Regions = 6;
    private const int Steps = 3;
    private static readonly int[] s_regions = [6, 4];
    private static readonly VisualAttentionOptions s_options = new() { AnnotationSize = 5, StateSize = 4, HiddenSize = 7 };

    /// <summary>Behind the last real region may be anything: no result and no gradient has another bit.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PaddedRegions_ChangeNoBitOfAnyGradient(bool isHard)
    {
        using VisualAttentionLayer layer = Create();
        float[] numbers = LayerNumbers.Tensor(1, Batch, Regions, 5).ToArray();
        Dictionary<string, float[]> expected = Run(0);
        foreach ((string name, float[] actual) in Run(float.NaN))
        {
            actual.Should().OnlyContain(x => float.IsFinite(x), "{0}", name);
            Tolerance.SameBits(name, actual, expected[name]);
        }

        // A mask that hides the same gives the same.
        using var tape = new Tape();
        using Variable annotations = tape.Watch(LayerNumbers.Tensor(1, Batch, Regions, 5));
        using Variable states = tape.Watch(LayerNumbers.Tensor(2, Batch, Steps, 4));
        using VisualMemory memory = layer.Prepare(annotations);
        foreach ((string name, float[] actual) in Everything(layer, tape, annotations, states, memory, new KeyLengthMask(s_regions), isHard))
        {
            Tolerance.Reordered(name, actual, expected[name]);
        }

        Dictionary<string, float[]> Run(float filler)
        {
            numbers.AsSpan((Regions + 4) * 5).Fill(filler);
            using var tape = new Tape();
            using Variable annotations = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, Regions, 5));
            using Variable states = tape.Watch(LayerNumbers.Tensor(2, Batch, Steps, 4));
            using VisualMemory memory = layer.Prepare(annotations, s_regions);
            return Everything(layer, tape, annotations, states, memory, default(NoMask), isHard);
        }
    }

    [Fact]
    public void AnImageAlone_HasTheNumbersThatItHasInABatch()
    {
        using VisualAttentionLayer layer = Create();
        using Variable annotations = LayerNumbers.Input(1, Batch, Regions, 5);
        using Variable states = LayerNumbers.Input(2, Batch, Steps, 4);
        using VisualMemory memory = layer.Prepare(annotations);
        using Variable all = layer.Forward(states, memory, new KeyLengthMask(s_regions));
        using Variable one = Variable.Constant(DeviceTensor.Create(layer.Backend, annotations.Data.ToArray().AsSpan(Regions * 5, 4 * 5), 1, 4, 5));
        using Variable state = states.Slice(0, 1, 1);
        using VisualMemory alone = layer.Prepare(one);
        Tolerance.Reordered(
            "context", LayerNumbers.Take(layer.Forward(state, alone, default(NoMask))), all.Data.ToArray().AsSpan(Steps * 5, Steps * 5));
    }

    [Fact]
    public void StepsThatSeeNothing_HaveContextsWeightsAndGradientsOfZero()
    {
        using VisualAttentionLayer layer = Create();
        using var tape = new Tape();
        using Variable annotations = tape.Watch(LayerNumbers.Tensor(1, Batch, Regions, 5));
        using Variable states = tape.Watch(LayerNumbers.Tensor(2, Batch, Steps, 4));
        using VisualMemory memory = layer.Prepare(annotations);
        FluentActions.Invoking(() => layer.Choose(states, memory, default(NoMask).Not(), KeyChoice.Largest))
            .Should().Throw<ArgumentException>().WithParameterName("mask");
        Dictionary<string, float[]> results = Everything(layer, tape, annotations, states, memory, default(NoMask).Not(), isHard: false);

        foreach ((string name, float[] numbers) in results)
        {
            // An image of nothing has the mean 0, and the biases of the first states are learned from it.
            bool isFromBiases = name is "hidden" or "cell" or "initial_hidden.bias" or "initial_cell.bias" or "penalty";
            numbers.Should().OnlyContain(x => isFromBiases ? float.IsFinite(x) : x == 0, "{0}", name);
        }

        results["penalty"].Should().Equal(Regions);
    }

    [Theory]
    [InlineData(0, 3, 6)]
    [InlineData(2, 0, 6)]
    [InlineData(2, 3, 0)]
    [InlineData(0, 0, 0)]
    public void EmptyAxes_GiveEmptyResultsAndFiniteGradients(int batch, int steps, int regions)
    {
        using VisualAttentionLayer layer = Create();
        using var tape = new Tape();
        using Variable annotations = tape.Watch(LayerNumbers.Tensor(1, batch, regions, 5));
        using Variable states = tape.Watch(LayerNumbers.Tensor(2, batch, steps, 4));
        using VisualMemory memory = layer.Prepare(annotations);
        using Variable context = layer.Forward(states, memory, default(NoMask));
        context.Data.Lengths.ToArray().Should().Equal(batch, steps, 5);
        context.Data.ToArray().Where(x => x != 0).Should().BeEmpty();

        foreach ((string name, float[] numbers) in Everything(layer, tape, annotations, states, memory, default(NoMask), isHard: false))
        {
            bool isOfTheImage = batch != 0 && name is not ("score" or "state.weight" or "gate.weight" or "gate.bias");
            numbers.Where(x => isOfTheImage ? !float.IsFinite(x) : x != 0).Should().BeEmpty("{0}", name);
        }
    }

    [Fact]
    public void OrderOfRegions_DoesNotMatter()
    {
        int[] order = [3, 0, 5, 1, 4, 2];
        using VisualAttentionLayer layer = Create();
        using Variable annotations = LayerNumbers.Input(1, 1, Regions, 5);
        using Variable states = LayerNumbers.Input(2, 1, Steps, 4);
        float[][] rows = [.. annotations.Data.ToArray().Chunk(5)];
        using Variable turned = Variable.Constant(DeviceTensor.Create(layer.Backend, [.. order.SelectMany(row => rows[row])], 1, Regions, 5));
        using VisualMemory memory = layer.Prepare(annotations);
        using VisualMemory other = layer.Prepare(turned);
        using VisualContext soft = layer.ForwardWithWeights(states, memory, default(NoMask));
        using VisualContext turnedSoft = layer.ForwardWithWeights(states, other, default(NoMask));
        using VisualContext hard = layer.Choose(states, memory, default(NoMask), KeyChoice.Largest);
        using VisualContext turnedHard = layer.Choose(states, other, default(NoMask), KeyChoice.Largest);

        Tolerance.Reordered("contexts", turnedSoft.Context.Data.ToArray(), soft.Context.Data.ToArray());
        Tolerance.Reordered(
            "weights", turnedSoft.Weights!.Data.ToArray(),
            [.. soft.Weights!.Data.ToArray().Chunk(Regions).SelectMany(row => order.Select(place => row[place]))]);
        turnedHard.Choice!.Choices.Select(place => order[place]).Should().Equal(hard.Choice!.Choices);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Threads_ChangeNoBit(bool isHard)
    {
        Dictionary<string, float[]> expected = [];
        foreach (int threads in (ReadOnlySpan<int>)[1, 2, 3, 7])
        {
            var backend = new CpuBackend(threads);
            using VisualAttentionLayer layer = LayerNumbers.Filled(new VisualAttentionLayer(s_options with { HiddenSize = 70 }, backend), 5, 0.8f);
            using var tape = new Tape();
            using Variable annotations = tape.Watch(DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(1), 2 * 96 * 5), 2, 96, 5));
            using Variable states = tape.Watch(DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(2), 2 * 50 * 4), 2, 50, 4));
            using VisualMemory memory = layer.Prepare(annotations);
            Dictionary<string, float[]> results = Everything(layer, tape, annotations, states, memory, new KeyLengthMask([96, 61]), isHard);
            expected = threads == 1 ? results : expected;
            foreach ((string name, float[] numbers) in results)
            {
                Tolerance.SameBits(name, numbers, expected[name]);
            }
        }
    }

    [Fact]
    public void TheSameSeed_GivesTheSameWeights()
    {
        using var layer = new VisualAttentionLayer(s_options with { Seed = 3 });
        using var same = new VisualAttentionLayer(s_options with { Seed = 3 });
        using var other = new VisualAttentionLayer(s_options with { Seed = 4 });
        foreach ((string name, float[] numbers) in LayerNumbers.Parameters(layer))
        {
            Tolerance.SameBits(name, LayerNumbers.Parameters(same)[name], numbers);
            if (!name.EndsWith("bias", StringComparison.Ordinal))
            {
                LayerNumbers.Parameters(other)[name].Should().NotEqual(numbers);
            }
        }
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        using VisualAttentionLayer layer = Create();
        using var other = new VisualAttentionLayer(s_options with { HiddenSize = 8 });
        using Variable annotations = LayerNumbers.Input(1, Batch, Regions, 5);
        using Variable states = LayerNumbers.Input(2, Batch, Steps, 4);
        using Variable step = LayerNumbers.Input(2, Batch, 1, 4);
        using Variable context = LayerNumbers.Input(3, Batch, 1, Steps, 5);
        using VisualMemory memory = other.Prepare(annotations);
        Refuses("lengths", () => layer.Prepare(annotations, [6]));
        Refuses("lengths", () => layer.Prepare(annotations, [6, 7]));
        Refuses("lengths", () => layer.Prepare(annotations, [-1, 6]));
        Refuses("annotations", () => layer.Prepare(states, [3, 3]));
        Refuses("memory", () => layer.Forward(states, memory, default(NoMask)));
        Refuses("memory", () => layer.Choose(states, memory, default(NoMask), KeyChoice.Largest));
        Refuses("context", () => layer.Gated(context, step));
        Refuses("context", () => layer.Gated(states, states));
        Refuses("state", () => layer.Gated(context, context));

        static void Refuses(string parameter, Func<object> call) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    /// <summary>Results of all kinds, and the gradients of their sums by every input and parameter.</summary>
    private static Dictionary<string, float[]> Everything<TMask>(
        VisualAttentionLayer layer, Tape tape, Variable annotations, Variable states, VisualMemory memory, TMask mask, bool isHard)
        where TMask : struct, IAttentionMask
    {
        (Variable hidden, Variable cell) = layer.InitialStates(memory, mask);
        using VisualContext context = isHard
            ? layer.Choose(states, memory, mask, KeyChoice.Sampled(3))
            : layer.ForwardWithWeights(states, memory, mask);
        List<(string Name, Variable Result)> parts = [("hidden", hidden), ("cell", cell), ("context", context.Context)];
        if (isHard)
        {
            parts.Add(("log-probability", context.Choice!.LogProbability));
            parts.Add(("entropy", context.Choice.Entropy));
        }
        else
        {
            parts.Add(("weights", context.Weights!));
            parts.Add(("penalty", Differentiable.DoublyStochasticPenalty(context.Weights!)));
        }

        Variable loss = parts.Select(part => Differentiable.Sum(part.Result)).Aggregate(Differentiable.Add);
        tape.Backward(loss);
        Dictionary<string, float[]> results = layer.NamedParameters().ToDictionary(entry => entry.Key, entry => entry.Value.Gradient?.ToArray() ?? []);
        layer.ClearGradients();
        results["annotations"] = annotations.Gradient!.ToArray();
        results["states"] = states.Gradient!.ToArray();
        foreach ((string name, Variable result) in parts)
        {
            results[name] = result.Data.ToArray();
        }

        return results;
    }

    private static VisualAttentionLayer Create() => LayerNumbers.Filled(new VisualAttentionLayer(s_options), 5, 0.8f);
}
