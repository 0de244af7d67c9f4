using Attention.Benchmarks.Setup;
using Attention.Positions;
using Attention.TestKit;
using BenchmarkDotNet.Attributes;

namespace Attention.Benchmarks;

/// <summary>How fast are queries or keys turned to their positions, with pairs side by side or in halves?</summary>
public class RotaryBenchmarks : ICountedBenchmark
{
    private const int Heads = 8;

    private Numbers _input = null!;
    private Numbers _output = null!;
    private RotaryTable _table = null!;
    private float[][] _cosines = null!;
    private float[][] _sines = null!;

    [Params(1, 1024, 331)]
    public int Length { get; set; }

    [Params(64, 46)]
    public int HeadSize { get; set; }

    [ParamsAllValues]
    public RotaryLayout Layout { get; set; }

    // A pair takes four products and two sums.
    public double Operations => 3.0 * Heads * Length * HeadSize;

    [GlobalSetup]
    public void Setup()
    {
        WidthConfig.RequireWidth();
        _input = Numbers.Random(1, 1, Heads, Length, HeadSize);
        _output = Numbers.Room(1, Heads, Length, HeadSize);
        _table = new RotaryTable(HeadSize);
        _table.Reserve(Length);
        int[] positions = [.. Enumerable.Range(0, Heads * Length).Select(row => row % Length)];
        _cosines = Array.ConvertAll(positions, position => _table.Cosines(position).ToArray());
        _sines = Array.ConvertAll(positions, position => _table.Sines(position).ToArray());
        Library();
        double[] reference = PositionLoops.Rotate(
            _input.Widened(), HeadSize, Array.ConvertAll(_cosines, Widen), Array.ConvertAll(_sines, Widen), Layout == RotaryLayout.Interleaved);
        Tolerance.Golden("output", _output.Data, reference);
    }

    [Benchmark(Baseline = true)]
    public float[] PlainLoop() => PositionLoops.Rotate(_input.Data, HeadSize, _cosines, _sines, Layout == RotaryLayout.Interleaved);

    [Benchmark]
    public void Library() => Rotary.Apply(_input.Read, _table, 0, Layout, _output.Write);

    private static double[] Widen(float[] numbers) => Array.ConvertAll(numbers, number => (double)number);
}
