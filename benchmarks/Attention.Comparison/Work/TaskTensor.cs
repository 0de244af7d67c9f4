using System.Numerics.Tensors;
using Attention.TestKit;

namespace Attention.Comparison.Work;

/// <summary>Numbers and their lengths, row-major.</summary>
internal sealed class TaskTensor(float[] numbers, params nint[] lengths)
{
    internal float[] Numbers => numbers;

    internal nint[] Lengths => lengths;

    internal ReadOnlyTensorSpan<float> Read => new(numbers, lengths);

    internal TensorSpan<float> Write => new(numbers, lengths);

    /// <summary>Numbers of the normal distribution, times <paramref name="factor"/>.</summary>
    internal static TaskTensor Normal(int seed, float factor, params nint[] lengths) =>
        new(AttentionProblems.Normal(new Random(seed), Count(lengths), factor), lengths);

    /// <summary>Room for a result.</summary>
    internal static TaskTensor Room(params nint[] lengths) => new(new float[Count(lengths)], lengths);

    private static int Count(nint[] lengths) => (int)lengths.Aggregate((nint)1, (product, length) => product * length);
}
