using Attention.Autodiff;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Autodiff;

/// <summary>Monotonic attention on the tape against central differences in double.</summary>
public class MonotonicGradientTests
{
    [Fact]
    public void Alignment_UnderAMask() => GradientCheck.Run(
        static x => Differentiable.MonotonicAlignment(x[0], new KeyLengthMask([6, 4])),
        static x => Each(x[0], (part, batch) => MonotonicLoops.Alignment(part, 6, (_, key) => key < (batch == 0 ? 6 : 4))), [2, 2, 3, 6]);

    [Fact]
    public void ChunkwiseWeights_OfAnAlignment() => GradientCheck.Run(
        static x =>
        {
            using Variable alignment = Differentiable.MonotonicAlignment(x[0], default(NoMask));
            return Differentiable.ChunkwiseWeights(alignment, x[1], default(NoMask), 3);
        },
        static x =>
        {
            PlainTensor alignment = Each(x[0], (part, _) => MonotonicLoops.Alignment(part, 6, (_, _) => true));
            double[] weights = MonotonicLoops.Chunks(alignment.Values, x[1].Values, 6, 3, (_, _) => true);
            return x[0].With(weights, x[0].Lengths);
        },
        [2, 1, 4, 6], [2, 1, 4, 6]);

    /// <summary>Does something with every head.</summary>
    private static PlainTensor Each(PlainTensor energies, Func<double[], int, double[]> compute)
    {
        int heads = (int)(energies.Lengths[0] * energies.Lengths[1]);
        int count = energies.Values.Length / heads;
        return energies.With(
            [.. Enumerable.Range(0, heads).SelectMany(head =>
                compute(energies.Values[(head * count)..((head + 1) * count)], head / (int)energies.Lengths[1]))],
            energies.Lengths);
    }
}
