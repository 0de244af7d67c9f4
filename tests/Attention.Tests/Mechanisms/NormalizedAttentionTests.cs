using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Attention with any normaliser against plain loops in double.</summary>
public class NormalizedAttentionTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Everything_IsTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            foreach (NormalizerCase normalizer in Some("sparsemax", "entmax 1.5", "top 5"))
            {
                Check(normalizer, AttentionProblems.Random(shape), default(NoMask), Placement.Guarded, new() { Width = width });
            }
        }
    }

    [Fact]
    public void EveryNormalizerAndMask_IsTheReference()
    {
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            foreach (AttentionShape shape in ShapeCases.Few)
            {
                Check(normalizer, AttentionProblems.Random(shape), CausalMask.TopLeft, Placement.Positions);
                Check(normalizer, AttentionProblems.Random(shape), default(CheckerboardMask));
                Check(normalizer, AttentionProblems.Random(shape), new WindowMask(1, 2, -3));
            }
        }
    }

    [Fact]
    public void SeveralTilesAndParts_AreTheReference()
    {
        NormalizerCase normalizer = Some("entmax 1.5").Single();
        Check(normalizer, AttentionProblems.Random(new(1, 2, 1, 131, 321, 7, 9)), CausalMask.BottomRight(131, 321));
        Check(normalizer, AttentionProblems.Random(new(2, 12, 12, 35, 40, 9, 5)), CausalMask.TopLeft);
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Modifiers_AreTheReference(SimdWidth width)
    {
        foreach (NormalizerCase normalizer in Some("entmax 1.5", "sigmoid", "sparsemax"))
        {
            AttentionProblem<float> problem = AttentionProblems.Random(new(2, 4, 2, 37, 45, 9, 6)) with { Modifier = new SoftCapReference(2) };
            Check(normalizer, problem, CausalMask.TopLeft, new SoftCapModifier(2), default, new() { Width = width, Scale = -0.4f });
            Check(normalizer, problem, default(CheckerboardMask), new SoftCapModifier(2), default, new() { Width = width });
        }
    }

    [Fact]
    public void Dropout_IsTheReference()
    {
        AttentionOptions options = new() { Dropout = 0.3f, DropoutSeed = 9 };
        AttentionProblem<float> problem = AttentionProblems.Random(new(2, 2, 1, 37, 29, 8, 6)) with { KeepFactor = Keep };

        Check(Some("entmax 1.5").Single(), problem, CausalMask.TopLeft, default, options);

        unsafe float Keep(int batch, int head, int query, int key)
        {
            float factor;
            DropoutMask.FillKeep(options.DropoutSeed, batch, head, query, key, 1, options.Dropout, &factor);
            return factor;
        }
    }

    [Fact]
    public void PaddingWithNaN_ChangesNoBit()
    {
        AttentionShape shape = new(2, 2, 1, 35, 50, 8, 6);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        KeyLengthMask mask = new([50, 23]);
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            float[][] clean = Results(normalizer, problem, mask);
            float[] key = [.. problem.Key];
            float[] value = [.. problem.Value];
            key.AsSpan((50 + 23) * 8).Fill(float.NaN);
            value.AsSpan((50 + 23) * 6).Fill(float.NaN);

            float[][] poisoned = Results(normalizer, problem with { Key = key, Value = value }, mask);

            for (int i = 0; i < clean.Length; i++)
            {
                Tolerance.SameBits($"{normalizer.Name} {i}", poisoned[i], clean[i]);
            }
        }
    }

    [Fact]
    public void FullyMaskedRows_AreZero()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new(2, 2, 2, 5, 7, 8, 6));
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            foreach (float[] result in Results(normalizer, problem, new KeyLengthMask(0)))
            {
                result.Should().OnlyContain(number => number == 0, normalizer.Name);
            }
        }
    }

    [Fact]
    public void ThreadsAndTheBatchAround_ChangeNoBit()
    {
        AttentionShape shape = new(2, 4, 2, 75, 61, 8, 6);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        foreach (NormalizerCase normalizer in Some("sparsemax", "entmax 1.25"))
        {
            float[][] one = Results(normalizer, problem, CausalMask.TopLeft, new() { MaxDegreeOfParallelism = 1 });
            foreach (int threads in (int[])[2, 3, 7])
            {
                float[][] several = Results(normalizer, problem, CausalMask.TopLeft, new() { MaxDegreeOfParallelism = threads });
                for (int i = 0; i < one.Length; i++)
                {
                    Tolerance.SameBits($"{normalizer.Name} {i}, {threads} threads", several[i], one[i]);
                }
            }

            AttentionShape half = shape with { Batch = 1 };
            float[][] alone = Results(
                normalizer,
                new AttentionProblem<float>(half)
                {
                    Query = problem.Query[half.QueryCount..],
                    Key = problem.Key[half.KeyCount..],
                    Value = problem.Value[half.ValueCount..],
                    OutputGradient = problem.OutputGradient![half.OutputCount..],
                },
                CausalMask.TopLeft);
            for (int i = 0; i < one.Length; i++)
            {
                Tolerance.SameBits($"{normalizer.Name} {i}, alone", alone[i], one[i].AsSpan(one[i].Length / 2));
            }
        }
    }

    /// <summary>With as many kept as there are keys, top-k is softmax; entmax 2 is sparsemax; permuted keys give the same output.</summary>
    [Fact]
    public void Limits_AreMet()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new(1, 2, 2, 5, 5, 8, 6));
        Tolerance.Reordered("top 5", Output("top 5", problem), Output("softmax", problem));
        Tolerance.SameBits("entmax 2", Output("entmax 2", problem), Output("sparsemax", problem));
        int[] order = [3, 0, 4, 1, 2, 8, 6, 9, 7, 5];
        AttentionProblem<float> permuted = problem with
        {
            Key = [.. order.SelectMany(key => problem.Key[(key * 8)..((key + 1) * 8)])],
            Value = [.. order.SelectMany(key => problem.Value[(key * 6)..((key + 1) * 6)])],
        };
        Tolerance.Reordered("permuted", Output("entmax 1.5", permuted), Output("entmax 1.5", problem));
    }

    private static float[] Output(string name, AttentionProblem<float> problem) => Results(Some(name).Single(), problem, default(NoMask))[0];

    private static IEnumerable<NormalizerCase> Some(params string[] names) => NormalizerCase.All.Where(normalizer => names.Contains(normalizer.Name));

    private static float[][] Results<TMask>(NormalizerCase normalizer, AttentionProblem<float> problem, TMask mask, AttentionOptions options = default)
        where TMask : struct, IAttentionMask => Results(normalizer, problem, mask, default(NoModifier), default, options);

    private static float[][] Results<TMask, TModifier>(
        NormalizerCase normalizer, AttentionProblem<float> problem, TMask mask, TModifier modifier, Placement placement, AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        using AttentionMemory memory = new(problem, placement);
        using TestOperand weights = TestOperand.Create(true, problem.Shape.ScoreLengths);
        normalizer.Attend(memory, weights, mask, modifier, options);
        return
        [
            memory.Output.Gather(), weights.Gather(), memory.QueryGradient.Gather(), memory.KeyGradient.Gather(), memory.ValueGradient.Gather(),
        ];
    }

    private static void Check<TMask>(
        NormalizerCase normalizer, AttentionProblem<float> problem, TMask mask, Placement placement = default, AttentionOptions options = default)
        where TMask : struct, IAttentionMask => Check(normalizer, problem, mask, default(NoModifier), placement, options);

    private static void Check<TMask, TModifier>(
        NormalizerCase normalizer, AttentionProblem<float> problem, TMask mask, TModifier modifier, Placement placement, AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        problem = problem with { Scale = options.Scale, Mask = (batch, head, query, key) => mask.Allows(batch, head, query, key) };
        float[][] results = Results(normalizer, problem, mask, modifier, placement, options);
        NormalizedAttentionLoops<double> reference = NormalizedAttentionLoops<double>.Run(problem.To<double>(), normalizer.Reference);
        NormalizedAttentionLoops<float> plain = NormalizedAttentionLoops<float>.Run(problem, normalizer.Reference);
        string name = $"{normalizer.Name} {problem.Shape} {typeof(TMask).Name} {placement} {options.Width}";
        int rows = problem.Shape.RowCount;
        Compare("output", results[0], reference.Output, plain.Output);
        Compare("weights", results[1], reference.Weights, plain.Weights);
        Compare("query's gradient", results[2], reference.Query, plain.Query);
        Compare("key's gradient", results[3], reference.Key, plain.Key);
        Compare("value's gradient", results[4], reference.Value, plain.Value);

        void Compare(string part, float[] actual, RelativeTensor<double> expected, RelativeTensor<float> yardstick) =>
            Tolerance.Mechanism($"{part} of {name}", actual, expected.Sums, yardstick.Sums, expected.Sensitivity, rows);
    }
}
