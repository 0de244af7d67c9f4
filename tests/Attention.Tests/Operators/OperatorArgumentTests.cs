using System.Numerics.Tensors;
using Attention.Operators;

namespace Attention.Tests.Operators;

/// <summary>Bad input is refused by the name of its parameter, before anything is written.</summary>
public class OperatorArgumentTests
{
    private const float Kept = 7;

    private readonly float[] _memory = Enumerable.Repeat(Kept, 64).ToArray();
    private readonly float[] _numbers = new float[64];

    [Fact]
    public void Elementwise_RefusesWhatDoesNotFit()
    {
        Refuses("maxDegreeOfParallelism", () => Elementwise.Accumulate(Read(6), Write(6), maxDegreeOfParallelism: -1));
        Refuses("source", () => Elementwise.Accumulate(default, Write(6)));
        Refuses("destination", () => Elementwise.Accumulate(Read(6), default));
        Refuses("source", () => Elementwise.Accumulate(Read(5), Write(6)));
        Refuses("source", () => Elementwise.Accumulate(Read(1, 6), Write(6)));
        Refuses("source", () => Elementwise.Accumulate(Read(2, 3), Write(2, 1)));
        Refuses("destination", () => Elementwise.Accumulate(Read(3, 4), new TensorSpan<float>(_memory, [3, 4], [0, 1])));
        Refuses("destination", () => Elementwise.Accumulate(Memory(1, 6), Write(6)));
        Refuses("destination", () => Elementwise.Accumulate(new ReadOnlyTensorSpan<float>(_memory, [3, 3], [1, 3]), Write(3, 3)));
        Refuses("destination", () => Elementwise.Accumulate(Memory(0, 1), Write(6)));

        Refuses("maxDegreeOfParallelism", () => Elementwise.Multiply(Read(6), Read(6), Write(6), 0, -1));
        Refuses("left", () => Elementwise.Multiply(Read(5), Read(6), Write(6)));
        Refuses("right", () => Elementwise.Multiply(Read(6), Read(5), Write(6)));
        Refuses("left", () => Elementwise.Multiply(default, Read(6), Write(6)));
        Refuses("right", () => Elementwise.Multiply(Read(6), default, Write(6)));
        Refuses("destination", () => Elementwise.Multiply(Memory(2, 6), Read(6), Write(6)));
        Refuses("destination", () => Elementwise.Multiply(Read(6), Memory(2, 6), Write(6)));

        Refuses("maxDegreeOfParallelism", () => Elementwise.Sum(Read(6), Write(1), 1, 0, -1));
        Refuses("source", () => Elementwise.Sum(default, Write(1)));
        Refuses("destination", () => Elementwise.Sum(Read(6), default));
        Refuses("destination", () => Elementwise.Sum(Read(6), Write(5)));
        Refuses("destination", () => Elementwise.Sum(Read(6), Write(6, 1)));
        Refuses("destination", () => Elementwise.Sum(Memory(0, 6), Write(1)));

        Refuses("maxDegreeOfParallelism", () => Elementwise.SumOfSquares(Read(6), -1));
        Refuses("source", () => Elementwise.SumOfSquares(default));
        Refuses("maxDegreeOfParallelism", () => Elementwise.Fill(Write(6), 1, -1));
        Refuses("destination", () => Elementwise.Fill(default, 1));
        Refuses("destination", () => Elementwise.Fill(new TensorSpan<float>(_memory, [3, 4], [0, 1]), 1));
    }

    [Fact]
    public void Activation_RefusesWhatDoesNotFit()
    {
        const ActivationKind Kind = ActivationKind.Silu;
        Refuses("kind", () => Activation.Forward((ActivationKind)6, Read(6), Write(6)));
        Refuses("maxDegreeOfParallelism", () => Activation.Forward(Kind, Read(6), Write(6), -1));
        Refuses("input", () => Activation.Forward(Kind, default, Write(6)));
        Refuses("output", () => Activation.Forward(Kind, Read(6), Write(5)));
        Refuses("output", () => Activation.Forward(Kind, Read(1), Write(6)));
        Refuses("output", () => Activation.Forward(Kind, Memory(1, 6), Write(6)));

        Refuses("kind", () => Activation.Backward((ActivationKind)(-1), Read(6), Read(6), Write(6)));
        Refuses("maxDegreeOfParallelism", () => Activation.Backward(Kind, Read(6), Read(6), Write(6), 0, -1));
        Refuses("input", () => Activation.Backward(Kind, default, Read(6), Write(6)));
        Refuses("outputGradient", () => Activation.Backward(Kind, Read(6), Read(1), Write(6)));
        Refuses("inputGradient", () => Activation.Backward(Kind, Read(6), Read(6), Write(2, 3)));
        Refuses("inputGradient", () => Activation.Backward(Kind, Memory(1, 6), Read(6), Write(6)));
        Refuses("inputGradient", () => Activation.Backward(Kind, Read(6), Memory(1, 6), Write(6)));
    }

    [Fact]
    public void Normalization_RefusesWhatDoesNotFit()
    {
        const NormalizationKind Kind = NormalizationKind.Layer;
        float[] three = new float[3];
        Refuses("kind", () => Normalization.Forward((NormalizationKind)2, Read(2, 3), [], [], 1, Write(2, 3)));
        Refuses("maxDegreeOfParallelism", () => Normalization.Forward(Kind, Read(2, 3), [], [], 1, Write(2, 3), -1));
        Refuses("epsilon", () => Normalization.Forward(Kind, Read(2, 3), [], [], -1, Write(2, 3)));
        Refuses("epsilon", () => Normalization.Forward(Kind, Read(2, 3), [], [], float.NaN, Write(2, 3)));
        Refuses("input", () => Normalization.Forward(Kind, default, [], [], 1, Write(2, 3)));
        Refuses("input", () => Normalization.Forward(Kind, new ReadOnlyTensorSpan<float>(_numbers, [2, 3], [1, 2]), [], [], 1, Write(2, 3)));
        Refuses("weight", () => Normalization.Forward(Kind, Read(2, 3), new float[2], [], 1, Write(2, 3)));
        Refuses("bias", () => Normalization.Forward(Kind, Read(2, 3), [], new float[4], 1, Write(2, 3)));
        Refuses("output", () => Normalization.Forward(Kind, Read(2, 3), [], [], 1, Write(3, 3)));
        Refuses("output", () => Normalization.Forward(Kind, Read(2, 3), [], [], 1, new TensorSpan<float>(_memory, [2, 3], [1, 2])));
        Refuses("output", () => Normalization.Forward(Kind, Memory(1, 6, 2, 3), [], [], 1, Write(2, 3)));
        Refuses("output", () => Normalization.Forward(Kind, Read(2, 3), _memory.AsSpan(3, 3), [], 1, Write(2, 3)));
        Refuses("output", () => Normalization.Forward(Kind, Read(2, 3), [], _memory.AsSpan(5, 3), 1, Write(2, 3)));

        Refuses("kind", () => Normalization.Backward((NormalizationKind)2, Read(2, 3), [], 1, Read(2, 3), Write(2, 3), [], []));
        Refuses("weight", () => Normalization.Backward(Kind, Read(2, 3), new float[2], 1, Read(2, 3), Write(2, 3), [], []));
        Refuses("outputGradient", () => Normalization.Backward(Kind, Read(2, 3), [], 1, Read(2, 2), Write(2, 3), [], []));
        Refuses("inputGradient", () => Normalization.Backward(Kind, Read(2, 3), [], 1, Read(2, 3), Write(2, 2), [], []));
        Refuses("inputGradient", () => Normalization.Backward(Kind, Memory(1, 6, 2, 3), [], 1, Read(2, 3), Write(2, 3), [], []));
        Refuses("inputGradient", () => Normalization.Backward(Kind, Read(2, 3), [], 1, Memory(1, 6, 2, 3), Write(2, 3), [], []));
        Refuses("inputGradient", () => Normalization.Backward(Kind, Read(2, 3), _memory.AsSpan(0, 3), 1, Read(2, 3), Write(2, 3), [], []));
        Refuses("weightGradient", () => Normalization.Backward(Kind, Read(2, 3), [], 1, Read(2, 3), default, new float[2], []));
        Refuses("biasGradient", () => Normalization.Backward(Kind, Read(2, 3), [], 1, Read(2, 3), default, [], new float[2]));
        Refuses("weightGradient", () => Normalization.Backward(Kind, Read(2, 3), [], 1, Read(2, 3), Write(2, 3), _memory.AsSpan(3, 3), []));
        Refuses("biasGradient", () => Normalization.Backward(Kind, Read(2, 3), _memory.AsSpan(0, 3), 1, Read(2, 3), default, [], _memory.AsSpan(2, 3)));
        Refuses("biasGradient", () => Normalization.Backward(Kind, Read(2, 3), [], 1, Read(2, 3), default, three, three));
    }

    [Fact]
    public void Embedding_RefusesWhatDoesNotFit()
    {
        Refuses("maxDegreeOfParallelism", () => EmbeddingLookup.Forward(Read(4, 3), [0, 1], Write(2, 3), -1));
        Refuses("table", () => EmbeddingLookup.Forward(Read(4), [0, 1], Write(2, 3)));
        Refuses("table", () => EmbeddingLookup.Forward(new ReadOnlyTensorSpan<float>(_numbers, [4, 3], [1, 4]), [0, 1], Write(2, 3)));
        Refuses("output", () => EmbeddingLookup.Forward(Read(4, 3), [0, 1], Write(3, 3)));
        Refuses("output", () => EmbeddingLookup.Forward(Memory(5, 12, 4, 3), [0, 1], Write(2, 3)));
        Refuses("indices", () => EmbeddingLookup.Forward(Read(4, 3), [0, 4], Write(2, 3)));
        Refuses("indices", () => EmbeddingLookup.Forward(Read(4, 3), [0, -1], Write(2, 3)));

        Refuses("maxDegreeOfParallelism", () => EmbeddingLookup.Backward([0, 1], Read(2, 3), Write(4, 3), 0, -1));
        Refuses("tableGradient", () => EmbeddingLookup.Backward([0, 1], Read(2, 3), Write(3)));
        Refuses("outputGradient", () => EmbeddingLookup.Backward([0, 1], Read(3, 3), Write(4, 3)));
        Refuses("tableGradient", () => EmbeddingLookup.Backward([0, 1], Memory(5, 6, 2, 3), Write(4, 3)));
        Refuses("indices", () => EmbeddingLookup.Backward([0, 4], Read(2, 3), Write(4, 3), 0));
    }

    [Fact]
    public void CrossEntropy_RefusesWhatDoesNotFit()
    {
        Refuses("maxDegreeOfParallelism", () => CrossEntropy.Forward(Read(2, 3), [0, 1], _memory.AsSpan(0, 2), 0, -1));
        Refuses("logits", () => CrossEntropy.Forward(Read(6), [0, 1], _memory.AsSpan(0, 2)));
        Refuses("targets", () => CrossEntropy.Forward(Read(2, 3), [0], _memory.AsSpan(0, 2)));
        Refuses("targets", () => CrossEntropy.Forward(Read(2, 3), [0, 3], _memory.AsSpan(0, 2)));
        Refuses("targets", () => CrossEntropy.Forward(Read(2, 3), [0, -2], _memory.AsSpan(0, 2)));
        Refuses("losses", () => CrossEntropy.Forward(Read(2, 3), [0, 1], _memory.AsSpan(0, 3)));
        Refuses("losses", () => CrossEntropy.Forward(Memory(1, 6, 2, 3), [0, 1], _memory.AsSpan(0, 2)));
        Refuses("labelSmoothing", () => CrossEntropy.Forward(Read(2, 3), [0, 1], _memory.AsSpan(0, 2), 1.5f));
        Refuses("labelSmoothing", () => CrossEntropy.Forward(Read(2, 3), [0, 1], _memory.AsSpan(0, 2), float.NaN));

        Refuses("lossGradients", () => CrossEntropy.Backward(Read(2, 3), [0, 1], new float[3], Write(2, 3)));
        Refuses("logitsGradient", () => CrossEntropy.Backward(Read(2, 3), [0, 1], new float[2], Write(3, 3)));
        Refuses("logitsGradient", () => CrossEntropy.Backward(Memory(1, 6, 2, 3), [0, 1], new float[2], Write(2, 3)));
        Refuses("logitsGradient", () => CrossEntropy.Backward(Read(2, 3), [0, 1], _memory.AsSpan(5, 2), Write(2, 3)));
        Refuses("targets", () => CrossEntropy.Backward(Read(2, 3), [0, 5], new float[2], Write(2, 3)));
    }

    [Fact]
    public void ElementDropout_RefusesWhatDoesNotFit()
    {
        Refuses("maxDegreeOfParallelism", () => ElementDropout.Apply(Read(6), 0.5f, 1, Write(6), 0, -1));
        Refuses("probability", () => ElementDropout.Apply(Read(6), -0.1f, 1, Write(6)));
        Refuses("probability", () => ElementDropout.Apply(Read(6), 1.1f, 1, Write(6)));
        Refuses("probability", () => ElementDropout.Apply(Read(6), float.NaN, 1, Write(6)));
        Refuses("input", () => ElementDropout.Apply(default, 0.5f, 1, Write(6)));
        Refuses("output", () => ElementDropout.Apply(Read(6), 0.5f, 1, Write(5)));
        Refuses("output", () => ElementDropout.Apply(Memory(1, 6), 0.5f, 1, Write(6)));
    }

    [Fact]
    public void OptimizerStep_RefusesWhatDoesNotFit()
    {
        AdamStep step = new(0.1f, 0.9f, 0.999f, 1e-8f, 0, 1, 1);
        float[] first = new float[6];
        float[] second = new float[6];
        foreach (AdamStep bad in new[]
        {
            step with { LearningRate = -1 }, step with { LearningRate = float.NaN }, step with { Beta1 = 1 }, step with { Beta2 = -0.1f },
            step with { Epsilon = -1 }, step with { WeightDecay = float.PositiveInfinity }, step with { GradientScale = float.NaN }, step with { Step = 0 },
        })
        {
            Refuses("step", () => OptimizerStep.Adam(Write(6), Read(6), new(first), new(second), bad));
        }

        Refuses("maxDegreeOfParallelism", () => OptimizerStep.Adam(Write(6), Read(6), new(first), new(second), step, -1));
        Refuses("parameter", () => OptimizerStep.Adam(default, Read(6), new(first), new(second), step));
        Refuses("parameter", () => OptimizerStep.Adam(Write(6), Memory(0, 6), new(first), new(second), step));
        Refuses("gradient", () => OptimizerStep.Adam(Write(6), Read(5), new(first), new(second), step));
        Refuses("firstMoment", () => OptimizerStep.Adam(Write(6), Read(6), new(first, [5], []), new(second), step));
        Refuses("firstMoment", () => OptimizerStep.Adam(Write(6), Read(6), Write(6), new(second), step));
        Refuses("secondMoment", () => OptimizerStep.Adam(Write(6), Read(6), new(first), default, step));
        Refuses("secondMoment", () => OptimizerStep.Adam(Write(6), Read(6), new(first), new(first), step));

        Refuses("maxDegreeOfParallelism", () => OptimizerStep.Momentum(Write(6), Read(6), default, 1, 0, false, 0, 1, -1));
        Refuses("parameter", () => OptimizerStep.Momentum(default, Read(6), default, 1, 0, false, 0, 1));
        Refuses("gradient", () => OptimizerStep.Momentum(Write(6), Read(1), default, 1, 0, false, 0, 1));
        Refuses("velocity", () => OptimizerStep.Momentum(Write(6), Read(6), new(first, [3], []), 1, 0, false, 0, 1));
        Refuses("velocity", () => OptimizerStep.Momentum(Write(6), Read(6), Write(6), 1, 0, false, 0, 1));
        Refuses("learningRate", () => OptimizerStep.Momentum(Write(6), Read(6), default, -1, 0, false, 0, 1));
        Refuses("momentum", () => OptimizerStep.Momentum(Write(6), Read(6), default, 1, 1, false, 0, 1));
        Refuses("weightDecay", () => OptimizerStep.Momentum(Write(6), Read(6), default, 1, 0, false, -1, 1));
        Refuses("gradientScale", () => OptimizerStep.Momentum(Write(6), Read(6), default, 1, 0, false, 0, float.NaN));
    }

    private ReadOnlyTensorSpan<float> Read(params nint[] lengths) => new(_numbers, lengths, []);

    private TensorSpan<float> Write(params nint[] lengths) => new(_memory, lengths, []);

    /// <summary>A tensor to read in the memory that is written.</summary>
    private ReadOnlyTensorSpan<float> Memory(int start, int count, params nint[] lengths) =>
        new((ReadOnlySpan<float>)_memory.AsSpan(start, count), lengths.Length == 0 ? [count] : lengths, []);

    private void Refuses(string parameter, Action call)
    {
        call.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(parameter);
        _memory.Should().OnlyContain(value => value == Kept);
    }
}
