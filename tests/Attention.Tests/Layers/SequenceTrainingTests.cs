using Attention.Autodiff;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>A Transformer of these layers learns: to copy and to reverse sequences, from nothing, in a few hundred steps.</summary>
[Trait("Category", "Training")]
public class SequenceTrainingTests
{
    private const int Symbols = 12;
    private const int Copy = Symbols;
    private const int Reverse = Symbols + 1;
    private const int Separator = Symbols + 2;
    private const int Vocabulary = Symbols + 3;
    private const int SourceLength = 10;

    /// <summary>The task, the source and the separator: what the model is asked.</summary>
    private const int PromptLength = SourceLength + 2;

    /// <summary>The prompt and the answer but its last symbol, which nothing follows.</summary>
    private const int Length = PromptLength + SourceLength - 1;

    private const int ModelSize = 64;
    private const int Batch = 32;
    private const int Steps = 250;

    [Fact]
    public void ATwoLayerDecoder_LearnsToCopyAndReverse()
    {
        using var model = new SequenceModel(Vocabulary, Length, ModelSize);
        var random = new Random(5);

        double loss = Train(model, random, Steps);

        // Sequences that were never seen: there are 12^10 of them. Each symbol must follow from the model's own ones before.
        (int[][] prompts, int[][] answers) = Problems(new Random(77), 300);
        int[][] decoded = Decode(model, prompts);
        double exact = decoded.Zip(answers).Count(pair => pair.First.SequenceEqual(pair.Second)) / (double)answers.Length;
        exact.Should().BeGreaterThan(0.99, "the last loss was {0}", loss);
    }

    [Fact]
    public void Training_IsDeterministic()
    {
        using var first = new SequenceModel(Vocabulary, Length, ModelSize);
        using var second = new SequenceModel(Vocabulary, Length, ModelSize);

        double firstLoss = Train(first, new Random(5), 5);
        double secondLoss = Train(second, new Random(5), 5);

        secondLoss.Should().Be(firstLoss);
        Dictionary<string, float[]> expected = LayerNumbers.Parameters(first);
        foreach ((string name, float[] values) in LayerNumbers.Parameters(second))
        {
            Tolerance.SameBits(name, values, expected[name]);
        }
    }

    /// <returns>The loss of the last step.</returns>
    private static double Train(SequenceModel model, Random random, int steps)
    {
        using var adam = new Adam(model.NamedParameters().Select(entry => entry.Value), beta2: 0.98f);
        LearningRateSchedule schedule = LearningRateSchedule.Cosine(peak: 3e-3, warmupSteps: Steps / 10, totalSteps: Steps + 1, floor: 1e-4);
        float last = float.NaN;
        for (int step = 1; step <= steps; step++)
        {
            (int[][] prompts, int[][] answers) = Problems(random, Batch);
            int[] input = [.. prompts.Zip(answers).SelectMany(pair => (int[])[.. pair.First, .. pair.Second[..^1]])];

            // What the prompt is made of cannot be guessed and does not count.
            int[] targets = [.. answers.SelectMany(answer => (int[])[.. Enumerable.Repeat(-1, PromptLength - 1), .. answer])];
            using var tape = new Tape(seed: (ulong)step);
            using Variable logits = model.Forward(input, Length, tape);
            using Variable loss = Differentiable.CrossEntropy(logits, targets);
            tape.Backward(loss);
            adam.Step(schedule.At(step), maxGradientNorm: 1);
            last = loss.Data.ToArray()[0];
        }

        return last;
    }

    private static (int[][] Prompts, int[][] Answers) Problems(Random random, int count)
    {
        int[][] prompts = new int[count][];
        int[][] answers = new int[count][];
        for (int i = 0; i < count; i++)
        {
            int[] source = new int[SourceLength];
            for (int place = 0; place < SourceLength; place++)
            {
                source[place] = random.Next(Symbols);
            }

            bool copies = random.Next(2) == 0;
            prompts[i] = [copies ? Copy : Reverse, .. source, Separator];
            answers[i] = copies ? source : [.. source.Reverse()];
        }

        return (prompts, answers);
    }

    /// <summary>Greedy decoding: the likeliest symbol follows, all sequences side by side.</summary>
    private static int[][] Decode(SequenceModel model, int[][] prompts)
    {
        List<int>[] sequences = [.. prompts.Select(prompt => prompt.ToList())];
        for (int step = 0; step < SourceLength; step++)
        {
            int length = sequences[0].Count;
            float[] logits = LayerNumbers.Take(model.Forward([.. sequences.SelectMany(symbols => symbols)], length));
            for (int i = 0; i < sequences.Length; i++)
            {
                ReadOnlySpan<float> last = logits.AsSpan((((i + 1) * length) - 1) * Vocabulary, Vocabulary);
                sequences[i].Add(System.Numerics.Tensors.TensorPrimitives.IndexOfMax(last));
            }
        }

        return [.. sequences.Select(symbols => symbols[PromptLength..].ToArray())];
    }
}
