using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Merging large parts: the same bits for any number of threads, and nothing allocated.</summary>
[Collection(AloneCollection.Name)]
public class PartialAttentionThreadTests
{
    // Several pieces for each head, the last one short.
    private static readonly AttentionShape s_shape = new(2, 3, 3, 1201, 1, 9, 33);

    private readonly Layout _outputs = Layout.Contiguous(s_shape.OutputLengths);
    private readonly Layout _sums = Layout.Contiguous(s_shape.RowLengths);

    // First part, second part and what arrives.
    private readonly float[][] _rows = [.. Enumerable.Range(1, 3).Select(seed => AttentionProblems.Normal(new Random(seed), s_shape.OutputCount))];
    private readonly float[][] _numbers = [.. Enumerable.Range(4, 3).Select(seed => AttentionProblems.Normal(new Random(seed), s_shape.RowCount, 3f))];

    // The whole, and the gradients of the parts.
    private readonly float[][] _writtenRows = [.. Enumerable.Range(0, 3).Select(_ => new float[s_shape.OutputCount])];
    private readonly float[][] _writtenNumbers = [.. Enumerable.Range(0, 3).Select(_ => new float[s_shape.RowCount])];

    [Fact]
    public void Threads_DoNotChangeABit()
    {
        _numbers[0][7] = float.NegativeInfinity;
        Run(1);
        float[][] expected = [.. _writtenRows.Concat(_writtenNumbers).Select(numbers => numbers.ToArray())];
        foreach (int threads in (int[])[2, 3, 7])
        {
            foreach (float[] numbers in _writtenRows.Concat(_writtenNumbers))
            {
                Array.Fill(numbers, float.NaN);
            }

            Run(threads);

            float[][] actual = [.. _writtenRows, .. _writtenNumbers];
            for (int i = 0; i < actual.Length; i++)
            {
                Tolerance.SameBits($"result {i}, {threads} threads", actual[i], expected[i]);
            }
        }
    }

    [Fact]
    public void Merge_EqualsTheReference()
    {
        double[][] rows = Array.ConvertAll(_rows, Widen);
        double[][] numbers = Array.ConvertAll(_numbers, Widen);

        Run(3);

        (double[] output, double[] sum) = ReferenceMerge.Forward([rows[0], rows[1]], [numbers[0], numbers[1]], s_shape.RowCount, s_shape.ValueSize);
        Tolerance.Golden("output", _writtenRows[0], output);
        Tolerance.Golden("log-sum-exp", _writtenNumbers[0], sum);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Calls_AllocateNothing(int threads) => Allocations.Of(() => Run(threads)).Should().Be(0);

    private static double[] Widen(float[] numbers) => Array.ConvertAll(numbers, number => (double)number);

    private void Run(int threads)
    {
        PartialAttention.Merge(
            _outputs.Read(_rows[0]), _sums.Read(_numbers[0]), _outputs.Read(_rows[1]), _sums.Read(_numbers[1]),
            _outputs.Write(_writtenRows[0]), _sums.Write(_writtenNumbers[0]), threads);
        PartialAttention.MergeBackward(
            _outputs.Read(_rows[0]), _sums.Read(_numbers[0]), _outputs.Read(_rows[1]), _sums.Read(_numbers[1]),
            _outputs.Read(_rows[2]), _sums.Read(_numbers[2]),
            _outputs.Write(_writtenRows[1]), _sums.Write(_writtenNumbers[1]),
            _outputs.Write(_writtenRows[2]), _sums.Write(_writtenNumbers[2]), threads);
    }
}
