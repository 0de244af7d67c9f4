using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Nothing is allocated per call; alone, since the whole process is measured.</summary>
[Collection(AloneCollection.Name)]
public sealed class AdditiveAttentionAllocationTests
{
    [Fact]
    public void TheSteadyState_AllocatesNothing()
    {
        AttentionShape shape = new(1, 2, 2, 40, 50, 16, 8);
        AdditiveAttentionLoops<float> p = AdditiveProblems.Random(shape);
        float[] output = new float[shape.OutputCount];
        float[][] gradients = [new float[shape.QueryCount], new float[shape.KeyCount], new float[shape.HeadSize], new float[shape.ValueCount]];
        (nint[] queries, nint[] keys, nint[] values, nint[] outputs) = (shape.QueryLengths, shape.KeyLengths, shape.ValueLengths, shape.OutputLengths);
        Action call = () =>
        {
            ReadOnlyTensorSpan<float> query = new(p.Query, queries);
            ReadOnlyTensorSpan<float> key = new(p.Key, keys);
            ReadOnlyTensorSpan<float> vector = new(p.ScoreVector);
            ReadOnlyTensorSpan<float> value = new(p.Value, values);
            AdditiveAttention.Forward(query, key, vector, value, CausalMask.TopLeft, new TensorSpan<float>(output, outputs));
            AdditiveAttention.Backward(
                query, key, vector, value, CausalMask.TopLeft, new ReadOnlyTensorSpan<float>(p.OutputGradient, outputs),
                new TensorSpan<float>(gradients[0], queries), new TensorSpan<float>(gradients[1], keys),
                new TensorSpan<float>(gradients[2]), new TensorSpan<float>(gradients[3], values));
        };
        Allocations.Of(call).Should().Be(0);
    }
}
