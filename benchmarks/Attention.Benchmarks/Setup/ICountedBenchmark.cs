namespace Attention.Benchmarks.Setup;

/// <summary>A benchmark that knows how much it computes, once its parameters are set.</summary>
public interface ICountedBenchmark
{
    /// <summary>Floating-point operations of one call.</summary>
    double Operations { get; }
}
