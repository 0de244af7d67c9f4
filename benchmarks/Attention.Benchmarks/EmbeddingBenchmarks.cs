using Attention.Benchmarks.Setup;
using Attention.Operators;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast are rows of a table looked up, and gradients added to them?</summary>
public class EmbeddingBenchmarks : ICountedBenchmark
{
    private const int Words = 5000;

    private Numbers _table = null!;
    private Numbers _output = null!;
    private Numbers _outputGradient = null!;
    private Numbers _tableGradient = null!;
    private int[] _indices = null!;

    [Params(16, 4096, 331)]
    public int Count { get; set; }

    [Params(512, 333)]
    public int Columns { get; set; }

    // Counted as one operation for each number.
    public double Operations => (double)Count * Columns;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        var random = new Random(2);
        _table = Numbers.Random(1, Words, Columns);
        _indices = [.. Enumerable.Range(0, Count).Select(_ => random.Next(Words))];
        _output = Numbers.Room(Count, Columns);
        _outputGradient = Numbers.Random(3, Count, Columns);
        _tableGradient = Numbers.Room(Words, Columns);
        Forward();
        float[] output = [.. _output.Data];
        PlainLoop();
        Tolerance.SameBits("output", output, _output.Data);
        Backward();
        double[] gradient = new double[Words * Columns];
        for (int i = 0; i < _outputGradient.Data.Length; i++)
        {
            gradient[_indices[i / Columns] * Columns + i % Columns] += _outputGradient.Data[i];
        }

        Tolerance.Golden("table gradient", _tableGradient.Data, gradient);
    }

    [Benchmark(Baseline = true)]
    public void PlainLoop()
    {
        for (int row = 0; row < Count; row++)
        {
            for (int column = 0; column < Columns; column++)
            {
                _output.Data[row * Columns + column] = _table.Data[_indices[row] * Columns + column];
            }
        }
    }

    [Benchmark]
    public void Forward() => EmbeddingLookup.Forward(_table.Read, _indices, _output.Write);

    [Benchmark]
    public void Backward() => EmbeddingLookup.Backward(_indices, _outputGradient.Read, _tableGradient.Write);
}
