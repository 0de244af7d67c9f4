using System.Numerics.Tensors;
using Attention.Operators;

namespace Attention.Tests.Operators;

/// <summary>In the steady state no operator allocates managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class OperatorAllocationTests
{
    private const int Rows = 260;
    private const int Columns = 150;

    private readonly float[] _left = OperatorTensor.Random(Rows * Columns, 1);
    private readonly float[] _right = OperatorTensor.Random(Rows * Columns, 2);
    private readonly float[] _destination = new float[Rows * Columns];
    private readonly float[] _other = new float[Rows * Columns];
    private readonly float[] _row = new float[Columns];
    private readonly float[] _secondRow = new float[Columns];
    private readonly float[] _column = new float[Rows];
    private readonly int[] _indices = new int[Rows];

    private ReadOnlyTensorSpan<float> Left => new(_left, [Rows, Columns], []);

    private ReadOnlyTensorSpan<float> Right => new(_right, [Rows, Columns], []);

    private TensorSpan<float> Destination => new(_destination, [Rows, Columns], []);

    private TensorSpan<float> Other => new(_other, [Rows, Columns], []);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Operators_AllocateNothing(int threads)
    {
        (string Name, Action Call)[] calls =
        [
            ("accumulate", () => Elementwise.Accumulate(Left, Destination, 2, 1, threads)),
            ("transpose", () => Elementwise.Accumulate(
                new ReadOnlyTensorSpan<float>(_left, [Rows, Columns], [1, Rows]), Destination, 1, 0, threads)),
            ("multiply", () => Elementwise.Multiply(Left, Right, Destination, 0, threads)),
            ("sum of rows", () => Elementwise.Sum(Left, new TensorSpan<float>(_row), 1, 0, threads)),
            ("sum", () => Elementwise.Sum(Left, new TensorSpan<float>(_row, [1], []), 1, 0, threads)),
            ("sum of squares", () => Elementwise.SumOfSquares(Left, threads)),
            ("fill", () => Elementwise.Fill(Destination, 1, threads)),
            ("activation", () => Activation.Forward(ActivationKind.Gelu, Left, Destination, threads)),
            ("its gradient", () => Activation.Backward(ActivationKind.Gelu, Left, Right, Destination, 0, threads)),
            ("normalization", () => Normalization.Forward(NormalizationKind.Layer, Left, _row, _row, 1, Destination, threads)),
            ("its gradient", () => Normalization.Backward(
                NormalizationKind.Layer, Left, [], 1, Right, Destination, _row, _secondRow, 0, 0, threads)),
            ("embedding", () => EmbeddingLookup.Forward(Left, _indices, Destination, threads)),
            ("its gradient", () => EmbeddingLookup.Backward(_indices, Left, Destination, 0, threads)),
            ("cross entropy", () => CrossEntropy.Forward(Left, _indices, _column, 0.1f, threads)),
            ("its gradient", () => CrossEntropy.Backward(Left, _indices, _column, Destination, 0.1f, 0, threads)),
            ("dropout", () => ElementDropout.Apply(Left, 0.5f, 1, Destination, 0, threads)),
            ("Adam", () => OptimizerStep.Adam(
                new TensorSpan<float>(_right, [Rows, Columns], []), Left, Destination, Other, new AdamStep(0, 0.9f, 0.9f, 1, 0, 1, 1), threads)),
            ("momentum", () => OptimizerStep.Momentum(Other, Left, Destination, 0, 0.9f, true, 0, 1, threads)),
        ];
        foreach ((string name, Action call) in calls)
        {
            long least = long.MaxValue;
            for (int attempt = 0; attempt < 20 && least != 0; attempt++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                call();
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }

            least.Should().Be(0, $"{name} runs on {threads} threads");
        }
    }
}
