using Attention.Caching;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;
using Attention.Tests.Caching;

namespace Attention.Tests.Mechanisms;

/// <summary>Attention over a cache against the reference in double, with what the storage makes of keys and values.</summary>
public class CachedAttentionTests
{
    public static TheoryData<SimdWidth, KvStorage> WidthsAndStorages
    {
        get
        {
            TheoryData<SimdWidth, KvStorage> cases = [];
            foreach (SimdWidth width in SimdWidths.All)
            {
                foreach (KvStorage storage in Enum.GetValues<KvStorage>())
                {
                    cases.Add(width, storage);
                }
            }

            return cases;
        }
    }

    public static TheoryData<int, int, int, int, int> Shapes => new()
    {
        // heads, key heads, length, head size, value size
        { 1, 1, 1, 1, 1 },
        { 1, 1, 17, 3, 5 },
        { 2, 2, 33, 16, 16 },
        { 3, 1, 47, 8, 33 },
        { 4, 2, 63, 17, 15 },
        { 8, 1, 64, 12, 48 },
        { 6, 3, 130, 31, 7 },
        { 2, 1, 530, 24, 40 },
        { 1, 1, 1040, 16, 8 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_EqualsTheReference(int heads, int keyValueHeads, int length, int headSize, int valueSize)
    {
        foreach (SimdWidth width in SimdWidths.All)
        {
            AttentionShape shape = new(1, heads, keyValueHeads, length, length, headSize, valueSize);
            Check(AttentionProblems.Random(shape), KvStorage.Float32, width);
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndStorages))]
    public void Storage_IsWhatItSays(SimdWidth width, KvStorage storage)
    {
        Check(AttentionProblems.Random(new AttentionShape(1, 4, 2, 75, 75, 19, 21)), storage, width);
        Check(AttentionProblems.Random(new AttentionShape(1, 1, 1, 530, 530, 32, 16)).WithSinks(), storage, width);
    }

    [Theory]
    [MemberData(nameof(WidthsAndStorages))]
    public void SinksAndSoftCap_AreAsInTheReference(SimdWidth width, KvStorage storage)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 4, 2, 75, 75, 19, 21), queryFactor: 3).WithSinks();
        Check(problem with { Modifier = new SoftCapReference(2) }, storage, width, new SoftCapModifier(2));
    }

    [Theory]
    [MemberData(nameof(Widths.All), MemberType = typeof(Widths))]
    public void Alibi_CountsPositionsOfTheSequence(SimdWidth width)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 70, 70, 16, 16));
        float[] slopes = AlibiModifier.Slopes(2);
        problem = problem with { Modifier = new AddedScoreReference((_, head, query, key) => -slopes[head] * Math.Abs(query - key)) };

        Check(problem, KvStorage.Float32, width, new AlibiModifier(2));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(5, 0)]
    [InlineData(16, 3)]
    [InlineData(40, 4)]
    [InlineData(33, 17)]
    [InlineData(20, 31)]
    [InlineData(200, 2)]
    public void Window_IsAMask(int size, int kept)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 3, 1, 130, 130, 12, 20));
        KeyWindow window = new() { Size = size, Kept = kept };
        foreach (SimdWidth width in SimdWidths.All)
        {
            foreach (KvStorage storage in Enum.GetValues<KvStorage>())
            {
                Check(problem, storage, width, default(NoModifier), window);
            }
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-0.3f)]
    [InlineData(1e-30f)]
    public void AnyScale_IsTaken(float scale)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 40, 40, 12, 12));

        Check(problem with { Scale = scale }, KvStorage.Float32, SimdWidth.Automatic);
    }

    [Fact]
    public void Forward_EqualsScaledDotProductAttention()
    {
        AttentionShape shape = new(1, 4, 2, 600, 600, 32, 32);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        float[] expected = new float[shape.OutputCount];
        ScaledDotProductAttention.Forward(
            Layout.Contiguous(shape.QueryLengths).Read(problem.Query), Layout.Contiguous(shape.KeyLengths).Read(problem.Key),
            Layout.Contiguous(shape.ValueLengths).Read(problem.Value), CausalMask.TopLeft, Layout.Contiguous(shape.OutputLengths).Write(expected));
        using ContiguousKvCache cache = new(CacheKinds.Options(shape));

        Tolerance.Reordered("output", new CachedSequence(cache, problem).Run(600).Output, expected, roundings: 32);
    }

    [Theory]
    [MemberData(nameof(WidthsAndStorages))]
    public void NoTokens_GiveZeros(SimdWidth width, KvStorage storage)
    {
        AttentionShape shape = new(2, 4, 2, 3, 0, 8, 5);
        using PagedKvCache cache = new(CacheKinds.Options(shape, storage), 4);
        float[] output = new float[shape.OutputCount];
        float[] logSumExp = new float[shape.RowCount];
        Array.Fill(output, float.NaN);

        CachedAttention.Forward(
            cache, [cache.Add(), cache.Add()], Layout.Contiguous(shape.QueryLengths).Read(new float[shape.QueryCount]), default, default,
            default(NoModifier), [], Layout.Contiguous(shape.OutputLengths).Write(output), Layout.Contiguous(shape.RowLengths).Write(logSumExp),
            new AttentionOptions { Width = width });

        Tolerance.SameBits("output", output, new float[shape.OutputCount]);
        logSumExp.Should().OnlyContain(each => float.IsNegativeInfinity(each));
    }

    [Fact]
    public void MoreQueriesThanTokens_GiveZerosAtTheFront()
    {
        AttentionShape shape = new(1, 2, 1, 20, 20, 8, 8);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        using ContiguousKvCache cache = new(CacheKinds.Options(shape));
        CachedSequence expected = new CachedSequence(cache, problem).Run(20);
        int id = cache.Fork(expected.Id);
        cache.Trim(id, 7);
        float[] output = new float[shape.OutputCount];

        CachedAttention.Forward(cache, [id], Layout.Contiguous(shape.QueryLengths).Read(problem.Query), Layout.Contiguous(shape.OutputLengths).Write(output));

        output.AsSpan(0, 13 * 8).ToArray().Should().OnlyContain(each => each == 0);
        output.AsSpan(13 * 8, 7 * 8).ToArray().Should().NotContain(0);
    }

    [Fact]
    public void NaN_InATokenReachesThoseThatSeeIt()
    {
        AttentionShape shape = new(1, 6, 1, 60, 60, 8, 8);
        AttentionProblem<float> clean = AttentionProblems.Random(shape);
        AttentionProblem<float> dirty = clean with { Key = [.. clean.Key], Value = [.. clean.Value] };
        dirty.Key.AsSpan(30 * 8, 8).Fill(float.NaN);
        dirty.Value.AsSpan(30 * 8, 8).Fill(float.PositiveInfinity);
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            using ContiguousKvCache cache = new(CacheKinds.Options(shape, storage));

            float[] expected = new CachedSequence(cache, clean).Run(60).Output;
            float[] actual = new CachedSequence(cache, dirty).Run(60).Output;

            for (int head = 0; head < 6; head++)
            {
                Tolerance.SameBits("before it", actual.AsSpan(head * 480, 240), expected.AsSpan(head * 480, 240));
                actual.AsSpan((head * 480) + 240, 240).ToArray().Should().OnlyContain(each => float.IsNaN(each));
            }
        }
    }

    private static void Check(AttentionProblem<float> problem, KvStorage storage, SimdWidth width) =>
        Check(problem, storage, width, default(NoModifier));

    private static void Check<TModifier>(
        AttentionProblem<float> problem, KvStorage storage, SimdWidth width, TModifier modifier, KeyWindow window = default)
        where TModifier : struct, IScoreModifier
    {
        AttentionShape shape = problem.Shape;
        AttentionProblem<double> stored = StoredNumbers.Of(problem, storage) with
        {
            Mask = (_, _, query, key) => key <= query && (window.Size == 0 || query - key < window.Size || key < window.Kept),
        };
        AttentionResult<double> reference = ReferenceAttention.Forward(stored);
        AttentionResult<float> plain = FloatLoopAttention.Forward(stored.To<float>());
        using PagedKvCache cache = new(CacheKinds.Options(shape, storage, width), (shape.KeyLength / 16) + 1);
        CachedSequence sequence = new(cache, problem) { Options = new() { Width = width, Scale = problem.Scale }, Window = window };

        sequence.Run(modifier, shape.KeyLength);

        string name = $"{shape} {storage} {width} {window}";
        Tolerance.Mechanism($"output of {name}", sequence.Output, reference.Output, plain.Output, reference.Sensitivity.Output, shape.RowCount);
        Tolerance.Mechanism(
            $"log-sum-exp of {name}", sequence.LogSumExp, reference.LogSumExp, plain.LogSumExp, reference.Sensitivity.LogSumExp, shape.RowCount);
    }
}
