using Attention.Numerics;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Dropout with the factors that seed, batch, head, query and key determine.</summary>
public class ScaledDotProductAttentionDropoutTests
{
    private const ulong Seed = 0x1234_5678_9ABC_DEF0;

    public static TheoryData<AttentionShape> Shapes =>
        [new(2, 4, 2, 13, 37, 9, 7), new(1, 1, 1, 61, 601, 5, 5), new(1, 2, 1, 1, 1301, 8, 8), new(1, 4, 1, 3, 1543, 5, 5)];

    [Theory]
    [MemberData(nameof(Shapes), DisableDiscoveryEnumeration = true)]
    public void EqualsTheReferenceWithTheSameFactors(AttentionShape shape)
    {
        foreach (string policies in new[] { "none", "causal", "checkerboard of a user", "soft cap" })
        {
            AttentionProblem<float> problem = WithDropout(AttentionProblems.Random(shape).WithSinks().WithLogSumExpGradient(), 0.3f);
            Compare.Forward(PolicyCases.Get(policies), problem, options: Options(0.3f));
            Compare.Backward(PolicyCases.Get(policies), problem, options: Options(0.3f));
        }
    }

    [Fact]
    public void OfOne_GivesZero()
    {
        AttentionProblem<float> problem = WithDropout(AttentionProblems.Random(new AttentionShape(1, 2, 1, 13, 37, 9, 7)), 1f);

        Compare.Forward(PolicyCases.Get("none"), problem, options: Options(1f));
        Compare.Backward(PolicyCases.Get("none"), problem, options: Options(1f));
    }

    [Fact]
    public void DoesNotTouchTheLogSumExp()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 13, 37, 9, 7));
        using AttentionMemory memory = new(problem);
        PolicyCases.Get("none").Forward(memory);
        float[] expected = memory.LogSumExp.Gather();

        PolicyCases.Get("none").Forward(memory, Options(0.5f));

        Tolerance.SameBits("log-sum-exp", memory.LogSumExp.Gather(), expected);
    }

    [Fact]
    public void ASeed_IsOneMask_AndAnotherIsAnother()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 13, 37, 9, 7));
        using AttentionMemory memory = new(problem);
        PolicyCases.Get("none").Forward(memory, Options(0.5f));
        float[] first = memory.Output.Gather();
        PolicyCases.Get("none").Forward(memory, Options(0.5f));
        Tolerance.SameBits("output", memory.Output.Gather(), first);

        PolicyCases.Get("none").Forward(memory, Options(0.5f) with { DropoutSeed = Seed + 1 });

        memory.Output.Gather().Should().NotEqual(first);
    }

    private static AttentionOptions Options(float dropout) => new() { Dropout = dropout, DropoutSeed = Seed };

    private static AttentionProblem<float> WithDropout(AttentionProblem<float> problem, float dropout)
    {
        AttentionShape shape = problem.Shape;
        float[] factors = new float[shape.ScoreCount];
        for (int row = 0; row < shape.RowCount; row++)
        {
            int head = row / shape.QueryLength;
            Fill(dropout, head / shape.Heads, head % shape.Heads, row % shape.QueryLength, factors.AsSpan(row * shape.KeyLength, shape.KeyLength));
        }

        return problem with
        {
            KeepFactor = (batch, head, query, key) =>
                factors[(((((batch * shape.Heads) + head) * shape.QueryLength) + query) * shape.KeyLength) + key],
        };
    }

    private static unsafe void Fill(float dropout, int batch, int head, int query, Span<float> factors)
    {
        fixed (float* destination = factors)
        {
            DropoutMask.FillKeep(Seed, batch, head, query, 0, factors.Length, dropout, destination);
        }
    }
}
