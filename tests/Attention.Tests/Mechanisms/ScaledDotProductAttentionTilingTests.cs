using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>How the work is cut depends on threads and batch; no bit of a result may, whatever run of keys a mask leaves.</summary>
public class ScaledDotProductAttentionTilingTests
{
    private const int Length = 1500;
    private const int Size = 16;

    [Fact]
    public void Window_GivesTheSameBits() => Check(new WindowMask(100, 0));

    [Fact]
    public void WideWindow_GivesTheSameBits() => Check(new WindowMask(333, 77));

    [Fact]
    public void Chunks_GiveTheSameBits() => Check(new ChunkedMask(197));

    [Fact]
    public void Documents_GiveTheSameBits() => Check(new DocumentMask([.. Enumerable.Range(0, Length).Select(i => i / 171)]));

    [Fact]
    public void WindowAsAUserWritesIt_GivesTheSameBits() => Check(new InvertedWindow(90));

    [Fact]
    public void NegatedWindow_GivesTheSameBits() => Check(new NotMask<WindowMask>(new WindowMask(200, 200)));

    [Fact]
    public void BlockList_GivesTheSameBits()
    {
        var mask = new WindowMask(120, 0);
        Check(new BlockListMask<WindowMask>(mask, BlockList.Build(mask, 1, 1, Length, Length, shareBatch: true)));
    }

    /// <summary>A mask may give empty bounds as a start beyond the end: rows without keys, here those far past the last one.</summary>
    [Fact]
    public void BoundsThatEndBeforeTheyStart_AreEmpty()
    {
        const int Keys = 504;
        Tensor<float> query = Random([1, 1, 1150, 8], 1);
        Tensor<float> key = Random([1, 1, Keys, 8], 2);
        Tensor<float> value = Random([1, 1, Keys, 128], 3);
        Tensor<float> output = Tensor.CreateFromShape<float>([1, 1, 1150, 128]);
        foreach (int threads in new[] { 1, 8 })
        {
            ScaledDotProductAttention.Forward(query, key, value, new InvertedWindow(1), output, new() { MaxDegreeOfParallelism = threads });

            float[] flat = new float[output.FlattenedLength];
            output.FlattenTo(flat);
            flat.Should().OnlyContain(x => float.IsFinite(x));
            flat.Skip((Keys + 1) * 128).Should().OnlyContain(x => x == 0);
        }
    }

    private static void Check<TMask>(TMask mask)
        where TMask : struct, IAttentionMask
    {
        float[] expected = Run(mask, batch: 1, threads: 1);
        foreach (int threads in new[] { 2, 3, 5, 7 })
        {
            Run(mask, batch: 1, threads).AsSpan().SequenceEqual(expected).Should().BeTrue($"{threads} threads");
        }

        Run(mask, batch: 6, threads: 2).AsSpan(0, expected.Length).SequenceEqual(expected).Should().BeTrue("a batch of 6");
    }

    private static float[] Run<TMask>(TMask mask, int batch, int threads)
        where TMask : struct, IAttentionMask
    {
        nint[] shape = [batch, 1, Length, Size];
        Tensor<float> output = Tensor.CreateFromShape<float>(shape);
        ScaledDotProductAttention.Forward(
            Random(shape, 1), Random(shape, 2), Random(shape, 3), mask, output, new() { MaxDegreeOfParallelism = threads });
        float[] flat = new float[output.FlattenedLength];
        output.FlattenTo(flat);
        return flat;
    }

    /// <summary>The first batch element is the same for every batch.</summary>
    private static Tensor<float> Random(nint[] shape, int seed)
    {
        var random = new Random(seed);
        nint count = 1;
        foreach (nint length in shape)
        {
            count *= length;
        }

        float[] numbers = new float[count];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = (float)((random.NextDouble() * 4) - 2);
        }

        return Tensor.Create(numbers, shape);
    }

    /// <summary>|query - key| &lt;= reach, with bounds that nothing puts in order.</summary>
    private readonly struct InvertedWindow(int reach) : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => Math.Abs(query - key) <= reach;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
        {
            (queries.IsEmpty || keys.IsEmpty).Should().BeFalse("an empty tile has no coverage");
            return TileCoverage.Mixed;
        }

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
            new(Math.Max(0, queries.Start - reach), Math.Min(keyLength, queries.End + reach));
    }
}
