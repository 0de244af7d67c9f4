using System.Numerics.Tensors;
using Attention.Gemm;

namespace Attention.Tests.Gemm;

public sealed class MatrixProductAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_steady_state_allocates_nothing(int threads)
    {
        float[] left = new float[3 * 90 * 110];
        float[] right = new float[110 * 130];
        float[] destination = new float[3 * 90 * 130];
        MatrixProductOptions options = new() { MaxDegreeOfParallelism = threads };

        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            MatrixProduct.Multiply(
                new ReadOnlyTensorSpan<float>(left, [3, 90, 110], [110, 330, 1]),
                new ReadOnlyTensorSpan<float>(right, [110, 130], []),
                new TensorSpan<float>(destination, [3, 90, 130], []),
                options: options);
            MatrixProduct.Multiply(
                left, MatrixLayout.RowMajor(90, 110), right, MatrixLayout.RowMajor(110, 130), destination, MatrixLayout.RowMajor(90, 130), options: options);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        least.Should().Be(0);
    }
}
