using Attention.Simd;
using Attention.TestKit;
using CsCheck;

namespace Attention.Tests.Mechanisms;

/// <summary>Any shape with any mask, modifier, terms, placement and width: forward and backward are right.</summary>
public class ScaledDotProductAttentionRandomTests
{
    private static readonly Gen<AttentionShape> s_shapes = Gen.Select(
        Gen.Int[1, 3],
        Gen.Int[1, 3],
        Gen.Int[1, 3],
        Gen.OneOf(Gen.Int[1, 9], Gen.Int[1, 70]),
        Gen.OneOf(Gen.Int[1, 9], Gen.Int[1, 140]),
        Gen.OneOf(Gen.Int[1, 9], Gen.Int[1, 70]),
        Gen.OneOf(Gen.Int[1, 9], Gen.Int[1, 70]),
        (batch, keyHeads, group, queries, keys, headSize, valueSize) =>
            new AttentionShape(batch, keyHeads * group, keyHeads, queries, keys, headSize, valueSize));

    [Fact]
    public void AnyProblem_IsSolved()
    {
        Gen.Select(s_shapes, Gen.Int[0, PolicyCases.All.Count - 1], Gen.Int[0, 15], Gen.Bool.Array[4], Gen.Enum<Placement>(), Gen.Enum<SimdWidth>())
            .Sample(
                (shape, policies, terms, broadcast, placement, width) =>
                {
                    AttentionProblem<float> problem = AttentionProblems.Random(shape);
                    int[] full = [shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength];
                    int[] biasShape = [.. full.Select((length, axis) => broadcast[axis] ? 1 : length)];
                    problem = (terms & 1) != 0 ? problem.WithBias(biasShape) : problem;
                    problem = (terms & 2) != 0 ? problem.WithSinks() : problem;
                    problem = (terms & 4) != 0 ? problem.WithLogSumExpGradient() : problem;
                    AttentionOptions options = new() { Width = width, Scale = (terms & 8) != 0 ? -0.3f : null };
                    Compare.Forward(PolicyCases.All[policies], problem, placement, options, rows: 1);
                    Compare.Backward(PolicyCases.All[policies], problem, placement, options, rows: 1);
                },
                iter: 150,
                threads: 1);
    }
}
