using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Additive attention against plain loops in double, and the properties that the mechanism has.</summary>
public sealed class AdditiveAttentionTests
{
    /// <summary>Sizes around vectors, register tiles, tiles of queries and blocks of keys; empty axes.</summary>
    private static readonly AttentionShape[] s_shapes =
    [
        new(1, 1, 1, 1, 1, 1, 1),
        new(2, 2, 1, 5, 7, 8, 3),
        new(1, 1, 1, 33, 17, 15, 16),
        new(1, 2, 2, 6, 130, 33, 9),
        new(1, 1, 1, 67, 259, 5, 4),
        new(2, 1, 1, 3, 0, 4, 4),
        new(0, 1, 1, 3, 5, 4, 4),
        new(1, 1, 1, 0, 5, 4, 4),
    ];

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void AgreesWithDouble(SimdWidth width)
    {
        foreach (AttentionShape shape in s_shapes)
        {
            AdditiveProblems.Check(AdditiveProblems.Random(shape), default(NoMask), Placement.Guarded, new AttentionOptions { Width = width });
            AdditiveProblems.Check(AdditiveProblems.Random(shape, 2), CausalMask.TopLeft, Placement.Positions, new AttentionOptions { Width = width });
        }
    }

    [Fact]
    public void SmallAndLargeArguments_AgreeWithDouble()
    {
        foreach (float scale in (float[])[1e-4f, 0.03f, 10, 30, 100, 1e30f])
        {
            AdditiveProblems.Check(AdditiveProblems.Random(new AttentionShape(1, 1, 1, 9, 21, 12, 5), 3, scale), default(NoMask));
        }
    }

    [Fact]
    public void MasksOfAnyKind_AgreeWithDouble()
    {
        AttentionShape shape = new(2, 2, 2, 40, 150, 10, 6);
        AdditiveProblems.Check(AdditiveProblems.Random(shape), new KeyLengthMask([150, 3]));
        AdditiveProblems.Check(AdditiveProblems.Random(shape), new KeyLengthMask([0, 131]));
        AdditiveProblems.Check(AdditiveProblems.Random(shape), new WindowMask(7, 2, 50));
        AdditiveProblems.Check(AdditiveProblems.Random(shape), default(Checkered));
    }

    [Fact]
    public void TheGradients_AreThoseOfTheReference_AndThoseItsDifferences()
    {
        AttentionShape shape = new(1, 2, 1, 3, 5, 4, 3);
        AdditiveAttentionLoops<double> problem = AdditiveProblems.Random(shape).To<double>() with { Mask = static (_, _, query, key) => key <= query + 1 };
        (string Name, double[] Numbers)[] results = problem.Run();
        double[][] inputs = [problem.Query, problem.Key, problem.ScoreVector, problem.Value];
        for (int i = 0; i < inputs.Length; i++)
        {
            double[] numerical = FiniteDifferences.Gradient(
                inputs[i], () => problem.Run()[0].Numbers.Zip(problem.OutputGradient, (output, weight) => output * weight).Sum());
            Tolerance.Differences(results[3 + i].Name, results[3 + i].Numbers, numerical);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Threads_AndTheBatchAround_ChangeNoBit(SimdWidth width)
    {
        AdditiveAttentionLoops<float> problem = AdditiveProblems.Random(new AttentionShape(2, 2, 1, 70, 141, 19, 11));
        AttentionOptions options = new() { Width = width, MaxDegreeOfParallelism = 1 };
        (string Name, float[] Numbers)[] alone = AdditiveProblems.Run(problem, CausalMask.TopLeft, options: options);
        foreach (int threads in (int[])[2, 3, 7])
        {
            (string Name, float[] Numbers)[] shared = AdditiveProblems.Run(
                problem, CausalMask.TopLeft, options: options with { MaxDegreeOfParallelism = threads });
            for (int i = 0; i < alone.Length; i++)
            {
                Tolerance.SameBits($"{alone[i].Name}, {threads} threads", shared[i].Numbers, alone[i].Numbers);
            }
        }

        AttentionShape one = problem.Shape with { Batch = 1 };
        (string Name, float[] Numbers)[] second = AdditiveProblems.Run(
            new AdditiveAttentionLoops<float>(one)
            {
                Query = problem.Query[one.QueryCount..],
                Key = problem.Key[one.KeyCount..],
                ScoreVector = problem.ScoreVector,
                Value = problem.Value[one.ValueCount..],
                OutputGradient = problem.OutputGradient[one.OutputCount..],
            },
            CausalMask.TopLeft, options: options);
        foreach (int result in (int[])[0, 1, 2, 3, 4, 6])
        {
            Tolerance.SameBits(alone[result].Name, second[result].Numbers, alone[result].Numbers.AsSpan(alone[result].Numbers.Length / 2));
        }
    }

    /// <summary>NaN, infinities and huge numbers in padding reach nothing, in keys and in values; in what is seen they are not hidden.</summary>
    [Fact]
    public void Padding_ChangesNoBit_AndNaNThatIsSeenShows()
    {
        AttentionShape shape = new(1, 1, 1, 5, 9, 7, 4);
        AdditiveAttentionLoops<float> clean = AdditiveProblems.Random(shape);
        KeyLengthMask mask = new([6]);
        (string Name, float[] Numbers)[] expected = AdditiveProblems.Run(clean, mask);
        foreach (float poison in (float[])[float.NaN, float.PositiveInfinity, 1e30f])
        {
            float[] key = [.. clean.Key];
            float[] value = [.. clean.Value];
            key.AsSpan(6 * shape.HeadSize).Fill(poison);
            value.AsSpan(6 * shape.ValueSize).Fill(poison);
            (string Name, float[] Numbers)[] actual = AdditiveProblems.Run(clean with { Key = key, Value = value }, mask);
            for (int i = 0; i < expected.Length; i++)
            {
                Tolerance.SameBits($"{expected[i].Name}, {poison}", actual[i].Numbers, expected[i].Numbers);
            }
        }

        float[] query = [.. clean.Query];
        query[0] = float.NaN;
        (string Name, float[] Numbers)[] shown = AdditiveProblems.Run(clean with { Query = query }, mask);
        shown[0].Numbers.AsSpan(0, shape.ValueSize).ToArray().Should().OnlyContain(x => float.IsNaN(x));
        shown[0].Numbers.AsSpan(shape.ValueSize).ToArray().Should().NotContain(x => float.IsNaN(x));
        shown[3].Numbers.AsSpan(shape.HeadSize).ToArray().Should().NotContain(x => float.IsNaN(x));
        shown[4].Numbers.AsSpan(6 * shape.HeadSize).ToArray().Should().OnlyContain(x => x == 0);
    }

    [Fact]
    public void Zeros_WeighAllKeysAlike()
    {
        AttentionShape shape = new(1, 1, 1, 3, 8, 5, 2);
        AdditiveAttentionLoops<float> problem = AdditiveProblems.Random(shape) with { Query = new float[shape.QueryCount], Key = new float[shape.KeyCount] };

        AdditiveProblems.Run(problem, default(NoMask))[2].Numbers.Should().OnlyContain(x => x == 0.125f);
    }

    [Fact]
    public void Dropout_KeepsWhatItsSeedSays_ForwardAndBackward()
    {
        const ulong Seed = 77;
        AttentionShape shape = new(1, 2, 2, 35, 40, 6, 3);
        AttentionOptions options = new() { Dropout = 0.3f, DropoutSeed = Seed };
        AdditiveAttentionLoops<float> problem = AdditiveProblems.Random(shape) with { Keep = Keep };

        AdditiveProblems.Check(problem, CausalMask.TopLeft, options: options);

        static unsafe float Keep(int batch, int head, int query, int key)
        {
            float factor;
            DropoutMask.FillKeep(Seed, batch, head, query, key, 1, 0.3f, &factor);
            return factor;
        }
    }

    [Fact]
    public void WhatDoesNotFit_IsRefusedByName_AndNothingIsWritten()
    {
        AttentionShape shape = new(1, 1, 1, 3, 4, 5, 2);
        AdditiveAttentionLoops<float> p = AdditiveProblems.Random(shape);
        Refuse("key", key: [1, 1, 4, 6]);
        Refuse("scoreVector", vector: [4]);
        Refuse("value", value: [1, 1, 5, 2]);
        Refuse("output", output: [1, 1, 3, 3]);
        Refuse("options", options: new AttentionOptions { Scale = 1 });
        Refuse("options", options: new AttentionOptions { Dropout = 2 });

        void Refuse(string parameter, nint[]? key = null, nint[]? vector = null, nint[]? value = null, nint[]? output = null, AttentionOptions options = default)
        {
            float[] memory = new float[64];
            Array.Fill(memory, 5);
            Action act = () => AdditiveAttention.Forward(
                new ReadOnlyTensorSpan<float>(p.Query, shape.QueryLengths), new ReadOnlyTensorSpan<float>(new float[64], key ?? shape.KeyLengths),
                new ReadOnlyTensorSpan<float>(new float[64], vector ?? [5]), new ReadOnlyTensorSpan<float>(new float[64], value ?? shape.ValueLengths),
                default(NoMask), new TensorSpan<float>(memory, output ?? shape.OutputLengths), default, options);

            act.Should().Throw<ArgumentException>().WithParameterName(parameter);
            memory.Should().OnlyContain(x => x == 5);
        }
    }

    /// <summary>A mask that is no interval.</summary>
    private readonly struct Checkered : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => (query + key) % 3 != 0;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
