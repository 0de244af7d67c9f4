using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Autodiff;

/// <summary>Normalisers on the tape against central differences in double.</summary>
public class NormalizerGradientTests
{
    [Fact]
    public void NormalizeRows_OfAnyShape()
    {
        GradientCheck.Run(
            static x => Differentiable.NormalizeRows(x[0], new EntmaxNormalizer(1.5f)),
            static x => x[0].With(Weights(new(NormalizerKind.Entmax, 1.5), x[0], (_, _) => true), x[0].Lengths), [2, 3, 7]);
        GradientCheck.Run(
            static x => Differentiable.NormalizeRows(x[0], default(SigmoidNormalizer)),
            static x => x[0].With(Weights(new(NormalizerKind.Sigmoid), x[0], (_, _) => true), x[0].Lengths), [5]);
    }

    [Fact]
    public void NormalizeScores_UnderAMask() => GradientCheck.Run(
        static x => Differentiable.NormalizeScores(x[0], CausalMask.TopLeft, default(SparsemaxNormalizer)),
        static x => x[0].With(Weights(new(NormalizerKind.Sparsemax), x[0], (row, key) => key <= row % 5), x[0].Lengths), [2, 3, 5, 6]);

    [Fact]
    public void NormalizedAttention_UnderAMask() => GradientCheck.Run(
        static x => Differentiable.NormalizedAttention(x[0], x[1], x[2], CausalMask.TopLeft, default(NoModifier), new EntmaxNormalizer(1.25f)),
        static x =>
        {
            AttentionShape shape = new(2, 4, 2, 5, 6, 3, 2);
            AttentionProblem<double> problem = new(shape)
            {
                Query = x[0].Values,
                Key = x[1].Values,
                Value = x[2].Values,
                OutputGradient = new double[shape.OutputCount],
                Mask = (_, _, query, key) => key <= query,
            };
            return x[0].With(
                NormalizedAttentionLoops<double>.Run(problem, new(NormalizerKind.Entmax, 1.25)).Output.Sums, [.. shape.OutputLengths]);
        },
        [2, 4, 5, 3], [2, 2, 6, 3], [2, 2, 6, 2]);

    [Fact]
    public void Dropout_IsOnlyForTraining()
    {
        using DeviceTensor tensor = DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(1), 64), 1, 1, 8, 8);
        AttentionOptions options = new() { Dropout = 0.5f };
        using var training = new Tape();
        using var testing = new Tape(isTraining: false);
        using Variable trained = training.Watch(tensor.Share());
        using Variable tested = testing.Watch(tensor.Share());

        using Variable dropped = Differentiable.NormalizedAttention(
            trained, trained, trained, default(NoMask), default(NoModifier), default(SparsemaxNormalizer), options);
        using Variable kept = Differentiable.NormalizedAttention(
            tested, tested, tested, default(NoMask), default(NoModifier), default(SparsemaxNormalizer), options);
        using Variable without = Differentiable.NormalizedAttention(
            tested, tested, tested, default(NoMask), default(NoModifier), default(SparsemaxNormalizer));

        Tolerance.SameBits("no training", kept.Data.ToArray(), without.Data.ToArray());
        dropped.Data.ToArray().Should().NotEqual(without.Data.ToArray());
    }

    private static double[] Weights(NormalizerReference reference, PlainTensor scores, Func<int, int, bool> allows)
    {
        int length = (int)scores.Lengths[^1];
        double[] weights = new double[scores.Values.Length];
        for (int row = 0; row < weights.Length / length; row++)
        {
            int[] keys = [.. Enumerable.Range(0, length).Where(key => allows(row, key))];
            double[] some = reference.Weights(Array.ConvertAll(keys, key => scores.Values[(row * length) + key]));
            for (int i = 0; i < keys.Length; i++)
            {
                weights[(row * length) + keys[i]] = some[i];
            }
        }

        return weights;
    }
}
