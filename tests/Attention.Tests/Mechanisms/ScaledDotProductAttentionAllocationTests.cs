using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state no call allocates managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class ScaledDotProductAttentionAllocationTests
{
    public static TheoryData<string, int> Cases
    {
        get
        {
            TheoryData<string, int> cases = [];
            foreach (string policies in new[] { "none", "causal", "checkerboard of a user", "soft cap" })
            {
                cases.Add(policies, 1);
                cases.Add(policies, 3);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_AllocatesNothing(string policies, int threads)
    {
        PolicyCase called = PolicyCases.Get(policies);
        using AttentionMemory memory = new(Problem(new AttentionShape(1, 2, 1, 97, 301, 32, 32)));
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads, Dropout = 0.1f };

        Allocations.Of(() => called.Forward(memory, options)).Should().Be(0);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decode_AllocatesNothing(string policies, int threads)
    {
        PolicyCase called = PolicyCases.Get(policies);
        using AttentionMemory memory = new(Problem(new AttentionShape(1, 4, 2, 1, 5003, 32, 32)));
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };

        Allocations.Of(() => called.Forward(memory, options)).Should().Be(0);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Backward_AllocatesNothing(string policies, int threads)
    {
        PolicyCase called = PolicyCases.Get(policies);
        using AttentionMemory memory = new(Problem(new AttentionShape(1, 2, 1, 97, 301, 32, 32)));
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads, Dropout = 0.1f };
        called.Forward(memory, options);

        Allocations.Of(() => called.Backward(memory, options)).Should().Be(0);
    }

    private static AttentionProblem<float> Problem(AttentionShape shape) =>
        AttentionProblems.Random(shape).WithBias([1, 1, 1, shape.KeyLength]).WithSinks().WithLogSumExpGradient();
}
