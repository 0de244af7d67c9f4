using System.Numerics.Tensors;
using Attention.Benchmarks.Setup;
using Attention.Numerics;
using Attention.Simd;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast is the exponential beside the runtime's two?</summary>
public class ExpBenchmarks : ICountedBenchmark
{
    private float[] _numbers = null!;
    private float[] _results = null!;

    [Params(16, 4096, 331)]
    public int Count { get; set; }

    // Counted as one operation for each number.
    public double Operations => Count;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        _numbers = AttentionProblems.Normal(new Random(1), Count);
        _results = new float[Count];
        Library();
        Tolerance.Golden("exp", _results, Array.ConvertAll(_numbers, number => Math.Exp(number)));
    }

    [Benchmark(Baseline = true)]
    public void MathF()
    {
        for (int i = 0; i < _numbers.Length; i++)
        {
            _results[i] = System.MathF.Exp(_numbers[i]);
        }
    }

    [Benchmark]
    public void SystemNumericsTensors() => TensorPrimitives.Exp(_numbers, _results);

    [Benchmark]
    public void Library() => Widths.Run(SimdWidth.Automatic, new ExpAction(_numbers, _results));

    private readonly unsafe struct ExpAction(float[] numbers, float[] results) : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            fixed (float* source = numbers, destination = results)
            {
                int i = 0;
                for (; i <= numbers.Length - TSimd.Count; i += TSimd.Count)
                {
                    TSimd.Store(VectorMath.Exp<TSimd, TVector>(TSimd.Load(source + i)), destination + i);
                }

                for (; i < numbers.Length; i++)
                {
                    destination[i] = VectorMath.Exp<SimdScalar, float>(source[i]);
                }
            }
        }
    }
}
