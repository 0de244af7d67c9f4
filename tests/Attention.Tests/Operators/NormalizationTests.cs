using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Normalisation of rows, forward and backward, against double.</summary>
public class NormalizationTests
{
    private const float Epsilon = 1e-5f;

    private static readonly NormalizationKind[] s_kinds = Enum.GetValues<NormalizationKind>();

    /// <summary>The last one has rows enough for several blocks of parameter gradients.</summary>
    private static readonly nint[][] s_shapes =
        [[1], [5], [3, 1], [4, 2], [2, 16], [5, 17], [3, 2, 33], [2, 3, 1, 65], [3, 257], [2, 1030], [0, 7], [70, 9], [1900, 19]];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Forward_AgreesWithDouble(SimdWidth width)
    {
        foreach (NormalizationKind kind in s_kinds)
        {
            foreach (nint[] shape in s_shapes)
            {
                foreach ((float center, bool hasWeight, bool hasBias) in new[] { (0f, true, true), (3f, true, false), (1e4f, false, true), (0f, false, false) })
                {
                    int size = (int)shape[^1];
                    float[] values = [.. Random(shape, 1).Select(value => value + center)];
                    float[] weight = hasWeight ? Random(size, 2) : [];
                    float[] bias = hasBias ? Random(size, 3) : [];
                    using OperatorTensor input = new(values, Spread.Rows, shape);
                    using OperatorTensor output = new(values, Spread.Rows, shape);

                    Normalization.Forward(kind, input.Read, weight, bias, Epsilon, output.Write, 2, width);

                    double[] expected = Forward(kind, Array.ConvertAll(values, x => (double)x), weight, bias, size, (double)Epsilon);
                    float[] plain = Forward(kind, values, weight, bias, size, Epsilon);
                    string what = $"{kind}, [{string.Join(", ", shape)}], around {center}";
                    Tolerance.Mechanism(what, output.Values, expected, plain, expected.Select(Math.Abs).DefaultIfEmpty().Max() + 1, Rows(shape));
                    output.GapsAreUntouched().Should().BeTrue(what);
                }
            }
        }
    }

    // Rows far from 0: without correcting the mean, its rounding shows in each element. The yardstick is the plain loop over
    // the same row moved back to 0, which no float of this size loses by.
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Layer_LosesNothingFarFromZero(SimdWidth width)
    {
        const int Rows = 16;
        const int Size = 333;
        float[] values = [.. Random(Rows * Size, 1).Select(value => value + 30_000f)];
        using OperatorTensor input = new(values, Rows, Size);
        using OperatorTensor output = new(values, Rows, Size);

        Normalization.Forward(NormalizationKind.Layer, input.Read, [], [], Epsilon, output.Write, 1, width);

        double[] expected = Forward(NormalizationKind.Layer, Array.ConvertAll(values, x => (double)x), [], [], Size, (double)Epsilon);
        float[] plain = Forward(NormalizationKind.Layer, Array.ConvertAll(values, x => x - 30_000f), [], [], Size, Epsilon);
        Tolerance.Mechanism("far", output.Values, expected, plain, 1 + expected.Max(Math.Abs), Rows);
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Backward_AgreesWithDouble(SimdWidth width)
    {
        foreach (NormalizationKind kind in s_kinds)
        {
            foreach (nint[] shape in s_shapes)
            {
                foreach ((float beta, float parameterBeta, bool hasWeight) in new[] { (0f, 0f, true), (1f, 1f, false), (-0.5f, 0f, true) })
                {
                    Backward(kind, shape, beta, parameterBeta, hasWeight, width);
                }
            }
        }
    }

    [Fact]
    public void Backward_OfTheReferenceAgreesWithDifferences()
    {
        foreach (NormalizationKind kind in s_kinds)
        {
            foreach (int size in new[] { 2, 3, 9 })
            {
                double[] row = Array.ConvertAll(Random(size, 1), x => (double)x);
                double[] weight = Array.ConvertAll(Random(size, 2), x => (double)x);
                double[] bias = Array.ConvertAll(Random(size, 3), x => (double)x);
                double[] slopes = Array.ConvertAll(Random(size, 4), x => (double)x);
                double[] weightGradient = new double[size];
                double[] biasGradient = new double[size];
                double[] gradient = OperatorLoops.NormaliseBackward<double>(kind, row, weight, 0.01, slopes, weightGradient, biasGradient);
                double Loss()
                {
                    double[] normalised = OperatorLoops.Normalise<double>(kind, row, 0.01, out _);
                    return normalised.Select((n, i) => (n * weight[i] + bias[i]) * slopes[i]).Sum();
                }

                Tolerance.Differences("input", gradient, FiniteDifferences.Gradient(row, Loss));
                Tolerance.Differences("weight", weightGradient, FiniteDifferences.Gradient(weight, Loss));
                Tolerance.Differences("bias", biasGradient, FiniteDifferences.Gradient(bias, Loss));
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Tensors_MayBeTheSame(SimdWidth width)
    {
        foreach (NormalizationKind kind in s_kinds)
        {
            nint[] shape = [5, 37];
            using OperatorTensor input = new(Random(shape, 1), shape);
            using OperatorTensor slopes = new(Random(shape, 2), shape);
            using OperatorTensor apart = new(new float[5 * 37], shape);
            float[] weight = Random(37, 3);
            Normalization.Backward(kind, input.Read, weight, Epsilon, slopes.Read, apart.Write, [], [], 0, 0, 1, width);
            using OperatorTensor overInput = new(input.Values, shape);
            Normalization.Backward(kind, overInput.Read, weight, Epsilon, slopes.Read, overInput.Write, [], [], 0, 0, 1, width);
            Normalization.Backward(kind, input.Read, weight, Epsilon, slopes.Read, slopes.Write, [], [], 0, 0, 1, width);
            Tolerance.SameBits("over the output's gradient", slopes.Values, apart.Values);
            Tolerance.SameBits("over the input", overInput.Values, apart.Values);

            Normalization.Forward(kind, input.Read, weight, [], Epsilon, apart.Write, 1, width);
            Normalization.Forward(kind, input.Read, weight, [], Epsilon, input.Write, 1, width);
            Tolerance.SameBits("forward", input.Values, apart.Values);
        }
    }

    [Fact]
    public void ARowWithNaN_IsNaNAndNoOtherIs()
    {
        foreach (NormalizationKind kind in s_kinds)
        {
            float[] values = Random(3 * 40, 1);
            values[45] = float.NaN;
            using OperatorTensor tensor = new(values, 3, 40);
            Normalization.Forward(kind, tensor.Read, [], [], Epsilon, tensor.Write);
            tensor.Values.Select(float.IsNaN).Should().Equal(Enumerable.Range(0, 120).Select(i => i / 40 == 1));
        }
    }

    private static void Backward(NormalizationKind kind, nint[] shape, float beta, float parameterBeta, bool hasWeight, SimdWidth width)
    {
        int size = (int)shape[^1];
        int count = Count(shape);
        float[] values = Random(count, 1);
        float[] slopes = Random(count, 2);
        float[] weight = hasWeight ? Random(size, 3) : Enumerable.Repeat(1f, size).ToArray();
        float[] before = beta == 0 ? Enumerable.Repeat(float.NaN, count).ToArray() : Random(count, 4);
        float[] parameterBefore = parameterBeta == 0 ? Enumerable.Repeat(float.NaN, size).ToArray() : Random(size, 5);
        using OperatorTensor input = new(values, Spread.Rows, shape);
        using OperatorTensor outputGradient = new(slopes, shape);
        using OperatorTensor inputGradient = new(before, Spread.Rows, shape);
        using GuardedBuffer weightGradient = new(parameterBefore);
        using GuardedBuffer biasGradient = new(parameterBefore);

        Normalization.Backward(
            kind, input.Read, hasWeight ? weight : [], Epsilon, outputGradient.Read, inputGradient.Write,
            weightGradient.Span, biasGradient.Span, beta, parameterBeta, 2, width);

        (double[] expected, double[] expectedWeight, double[] expectedBias) =
            Backward<double>(kind, values, slopes, weight, before, parameterBefore, beta, parameterBeta, Epsilon);
        (float[] plain, float[] plainWeight, float[] plainBias) =
            Backward<float>(kind, values, slopes, weight, before, parameterBefore, beta, parameterBeta, Epsilon);
        string what = $"{kind}, [{string.Join(", ", shape)}], beta {beta}";
        double steepest = Steepest(kind, values, slopes, weight);
        Tolerance.Mechanism(what, inputGradient.Values, expected, plain, steepest + 1, Rows(shape));
        inputGradient.GapsAreUntouched().Should().BeTrue(what);

        // A parameter's gradient sums as many products as there are rows, each of the size of a few.
        double sum = 4 * Math.Max(1, Rows(shape));
        Tolerance.Mechanism($"weight of {what}", weightGradient.Span, expectedWeight, plainWeight, sum, size);
        Tolerance.Mechanism($"bias of {what}", biasGradient.Span, expectedBias, plainBias, sum, size);

        using OperatorTensor alone = new(before, Spread.Rows, shape);
        Normalization.Backward(
            kind, input.Read, hasWeight ? weight : [], Epsilon, outputGradient.Read, alone.Write, [], [], beta, parameterBeta, 1, width);
        Tolerance.SameBits("without parameters", alone.Values, inputGradient.Values);
        using GuardedBuffer weightAlone = new(parameterBefore);
        Normalization.Backward(
            kind, input.Read, hasWeight ? weight : [], Epsilon, outputGradient.Read, default, weightAlone.Span, [], beta, parameterBeta, 1, width);
        Tolerance.SameBits("weight alone", weightAlone.Span, weightGradient.Span);
    }

    private static int Rows(nint[] shape) => Count(shape[..^1]);

    /// <summary>The largest number that goes into an element of the input's gradient.</summary>
    private static double Steepest(NormalizationKind kind, float[] values, float[] slopes, float[] weight)
    {
        double largest = 0;
        for (int row = 0; row < values.Length; row += weight.Length)
        {
            double[] numbers = Array.ConvertAll(values[row..(row + weight.Length)], x => (double)x);
            double[] normalised = OperatorLoops.Normalise<double>(kind, numbers, Epsilon, out double scale);
            double product = normalised.Select((n, i) => Math.Abs(n * slopes[row + i] * weight[i])).Average();
            for (int i = 0; i < weight.Length; i++)
            {
                largest = Math.Max(largest, scale * (Math.Abs(slopes[row + i] * weight[i]) + Math.Abs(normalised[i]) * product));
            }
        }

        return largest;
    }

    private static T[] Forward<T>(NormalizationKind kind, T[] values, float[] weight, float[] bias, int size, T epsilon)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        T[] output = new T[values.Length];
        for (int row = 0; row < values.Length; row += size)
        {
            T[] normalised = OperatorLoops.Normalise<T>(kind, values.AsSpan(row, size), epsilon, out _);
            for (int i = 0; i < size; i++)
            {
                T factor = weight.Length == 0 ? T.One : T.CreateChecked(weight[i]);
                output[row + i] = normalised[i] * factor + (bias.Length == 0 ? T.Zero : T.CreateChecked(bias[i]));
            }
        }

        return output;
    }

    private static (T[] Input, T[] Weight, T[] Bias) Backward<T>(
        NormalizationKind kind, float[] values, float[] slopes, float[] weight, float[] before, float[] parameterBefore,
        float beta, float parameterBeta, float epsilon)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        int size = weight.Length;
        T[] x = Array.ConvertAll(values, T.CreateChecked);
        T[] g = Array.ConvertAll(slopes, T.CreateChecked);
        T[] w = Array.ConvertAll(weight, T.CreateChecked);
        T[] input = new T[x.Length];
        T[] weightGradient = new T[size];
        T[] biasGradient = new T[size];
        for (int row = 0; row < x.Length; row += size)
        {
            T[] gradient = OperatorLoops.NormaliseBackward<T>(
                kind, x.AsSpan(row, size), w, T.CreateChecked(epsilon), g.AsSpan(row, size), weightGradient, biasGradient);
            gradient.CopyTo(input, row);
        }

        Add(input, before, beta);
        Add(weightGradient, parameterBefore, parameterBeta);
        Add(biasGradient, parameterBefore, parameterBeta);
        return (input, weightGradient, biasGradient);
    }

    private static void Add<T>(T[] values, float[] before, float beta)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        for (int i = 0; i < values.Length && beta != 0; i++)
        {
            values[i] += T.CreateChecked(beta) * T.CreateChecked(before[i]);
        }
    }
}
