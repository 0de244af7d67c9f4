using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Inputs and results that end at pages nobody may touch: one element too far ends the process.</summary>
public class ScaledDotProductAttentionGuardedMemoryTests
{
    public static IEnumerable<object[]> WidthNames => Widths.All;

    [Theory]
    [MemberData(nameof(WidthNames))]
    public void NothingOutsideIsTouched(SimdWidth width)
    {
        AttentionOptions options = new() { Width = width };
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape).WithSinks().WithLogSumExpGradient();
            int[] full = [shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength];
            Compare.Backward(PolicyCases.Get("none"), problem, Placement.Guarded, options);
            Compare.Backward(PolicyCases.Get("checkerboard of a user"), problem.WithBias(full), Placement.Guarded, options);
            Compare.Backward(PolicyCases.Get("causal"), problem.WithBias([1, 1, 1, shape.KeyLength]), Placement.Guarded, options);
        }
    }

    [Theory]
    [MemberData(nameof(WidthNames))]
    public void NothingOutsideIsTouched_InDecoding(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Decode)
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape).WithSinks().WithBias([1, 1, 1, shape.KeyLength]);
            Compare.Forward(PolicyCases.Get("none"), problem, Placement.Guarded, new AttentionOptions { Width = width });
        }
    }
}
