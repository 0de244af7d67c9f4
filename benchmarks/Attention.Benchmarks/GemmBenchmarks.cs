using System.Numerics.Tensors;
using Attention.Benchmarks.Setup;
using Attention.Gemm;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is the product of two square matrices, on one thread and on all?</summary>
public class GemmBenchmarks : ICountedBenchmark
{
    private float[] _left = null!;
    private float[] _right = null!;
    private float[] _product = null!;
    private nint[] _shape = null!;

    [Params(48, 1024, 331)]
    public int Length { get; set; }

    public double Operations => 2.0 * Length * Length * Length;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        _left = AttentionProblems.Normal(new Random(1), Length * Length);
        _right = AttentionProblems.Normal(new Random(2), Length * Length);
        _product = new float[Length * Length];
        _shape = [Length, Length];
        Multiply(threads: 0);
        float[] product = [.. _product];
        double[] reference = new double[product.Length];
        double sensitivity = 0;
        for (int row = 0; row < Length; row++)
        {
            for (int column = 0; column < Length; column++)
            {
                double magnitude = 0;
                for (int k = 0; k < Length; k++)
                {
                    double term = (double)_left[row * Length + k] * _right[k * Length + column];
                    reference[row * Length + column] += term;
                    magnitude += Math.Abs(term);
                }

                sensitivity = Math.Max(sensitivity, magnitude);
            }
        }

        PlainLoop();
        Tolerance.Mechanism("product", product, reference, _product, sensitivity, rows: Length);
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop()
    {
        for (int row = 0; row < Length; row++)
        {
            Span<float> sums = _product.AsSpan(row * Length, Length);
            sums.Clear();
            for (int k = 0; k < Length; k++)
            {
                float factor = _left[row * Length + k];
                for (int column = 0; column < sums.Length; column++)
                {
                    sums[column] += factor * _right[k * Length + column];
                }
            }
        }
    }

    [Benchmark]
    public void OneThread() => Multiply(threads: 1);

    [Benchmark]
    public void AllThreads() => Multiply(threads: 0);

    private void Multiply(int threads) => MatrixProduct.Multiply(
        new ReadOnlyTensorSpan<float>(_left, _shape),
        new ReadOnlyTensorSpan<float>(_right, _shape),
        new TensorSpan<float>(_product, _shape),
        options: new MatrixProductOptions { MaxDegreeOfParallelism = threads });
}
