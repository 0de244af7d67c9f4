using Attention.Autodiff;
using Attention.Backends;
using Attention.Benchmarks.Setup;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What does a tape cost by the recorded computation, and what does playing it back?</summary>
public class TapeBenchmarks : ICountedBenchmark
{
    private const int Steps = 64;
    private const float Factor = 1.01f;

    private DeviceTensor _input = null!;

    [Params(1, 4096, 331)]
    public int Count { get; set; }

    // Counted as one operation for each recorded computation, so the rate is that of computations.
    public double Operations => Steps;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        float[] numbers = AttentionProblems.Normal(new Random(1), Count);
        _input = DeviceTensor.Create(CpuBackend.Shared, numbers, Count);
        float[] expected = [.. numbers];
        for (int step = 0; step < Steps; step++)
        {
            expected = Array.ConvertAll(expected, number => number * Factor);
        }

        using Variable plain = Chain(Variable.Constant(_input.Share()));
        Tolerance.SameBits("without a tape", plain.Data.ToArray(), expected);
        using var tape = new Tape();
        using Variable watched = tape.Watch(_input.Share());
        using Variable output = Chain(watched);
        using Variable loss = Differentiable.Sum(output);
        tape.Backward(loss);
        Tolerance.SameBits("on a tape", output.Data.ToArray(), expected);
        double[] gradient = new double[Count];
        Array.Fill(gradient, Math.Pow(Factor, Steps));
        Tolerance.Golden("gradient", watched.Gradient!.ToArray(), gradient);
    }

    [GlobalCleanup]
    public void Cleanup() => _input.Dispose();

    [Benchmark(Baseline = true)]
    public void WithoutTape()
    {
        using Variable output = Chain(Variable.Constant(_input.Share()));
    }

    [Benchmark]
    public void Recorded()
    {
        using var tape = new Tape();
        using Variable output = Chain(tape.Watch(_input.Share()));
    }

    [Benchmark]
    public void RecordedAndPlayed()
    {
        using var tape = new Tape();
        using Variable output = Chain(tape.Watch(_input.Share()));
        using Variable loss = Differentiable.Sum(output);
        tape.Backward(loss);
    }

    /// <summary>Scales again and again; each result but the last is disposed, the input too.</summary>
    private static Variable Chain(Variable input)
    {
        for (int step = 0; step < Steps; step++)
        {
            Variable scaled = Differentiable.Scale(input, Factor);
            input.Dispose();
            input = scaled;
        }

        return input;
    }
}
