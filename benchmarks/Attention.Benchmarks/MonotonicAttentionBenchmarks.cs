using Attention.Benchmarks.Setup;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>What does a monotonic alignment cost beside a softmax over the same energies, and what do chunks of four keys add?</summary>
public class MonotonicAttentionBenchmarks
{
    private const int ChunkWidth = 4;

    private Numbers _energies = null!;
    private Numbers _chunkEnergies = null!;
    private Numbers _gradient = null!;
    private Numbers _alignment = null!;
    private Numbers _weights = null!;
    private Numbers _alignmentGradient = null!;
    private Numbers _energyGradient = null!;
    private Numbers _chunkEnergyGradient = null!;

    [Params(64, 331, 1024)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        nint[] lengths = [1, 8, Length, Length];
        _energies = Numbers.Random(1, lengths);
        _chunkEnergies = Numbers.Random(2, lengths);
        _gradient = Numbers.Random(3, lengths);
        _alignment = Numbers.Room(lengths);
        _weights = Numbers.Room(lengths);
        _alignmentGradient = Numbers.Room(lengths);
        _energyGradient = Numbers.Room(lengths);
        _chunkEnergyGradient = Numbers.Room(lengths);
        Softmax();
        Alignment();
        Chunks();
        ChunksBackward();
        AlignmentBackward();
        const int Queries = 3;
        double[] energies = [.. _energies.Widened().Take(Queries * Length)];
        double[] alignment = MonotonicLoops.Alignment(energies, Length, static (_, _) => true);
        double[] chunkEnergies = [.. _chunkEnergies.Widened().Take(Queries * Length)];
        Tolerance.Golden("alignment", _alignment.Data.AsSpan(0, Queries * Length), alignment);
        Tolerance.Golden(
            "weights", _weights.Data.AsSpan(0, Queries * Length), MonotonicLoops.Chunks(alignment, chunkEnergies, Length, ChunkWidth, static (_, _) => true));
    }

    [Benchmark(Baseline = true)]
    public void Softmax() => RowNormalization.Forward(_energies.Read, default(NoMask), default(SoftmaxNormalizer), _weights.Write);

    [Benchmark]
    public void Alignment() => MonotonicAttention.Forward(_energies.Read, default(NoMask), _alignment.Write);

    [Benchmark]
    public void AlignmentBackward() => MonotonicAttention.Backward(
        _energies.Read, _alignment.Read, _alignmentGradient.Read, default(NoMask), _energyGradient.Write);

    [Benchmark]
    public void Chunks() => MonotonicChunkwiseAttention.Forward(_alignment.Read, _chunkEnergies.Read, default(NoMask), ChunkWidth, _weights.Write);

    [Benchmark]
    public void ChunksBackward() => MonotonicChunkwiseAttention.Backward(
        _alignment.Read, _chunkEnergies.Read, _gradient.Read, default(NoMask), ChunkWidth, _alignmentGradient.Write, _chunkEnergyGradient.Write);
}
