using System.Numerics.Tensors;
using Attention.TestKit;

namespace Attention.Benchmarks.Setup;

/// <summary>An array and its lengths, which are kept so that the memory column shows the library's allocations alone.</summary>
internal sealed class Numbers(float[] data, params nint[] lengths)
{
    internal float[] Data => data;

    internal ReadOnlyTensorSpan<float> Read => new(data, lengths);

    internal TensorSpan<float> Write => new(data, lengths);

    /// <summary>Normally distributed numbers.</summary>
    internal static Numbers Random(int seed, params nint[] lengths) =>
        new(AttentionProblems.Normal(new Random(seed), (int)TensorCount(lengths)), lengths);

    /// <summary>Room for results.</summary>
    internal static Numbers Room(params nint[] lengths) => new(new float[TensorCount(lengths)], lengths);

    internal double[] Widened() => Array.ConvertAll(data, number => (double)number);

    private static nint TensorCount(nint[] lengths) => lengths.Aggregate((nint)1, (product, length) => product * length);
}
