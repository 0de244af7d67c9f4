using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Benchmarks.Setup;

/// <summary>A random attention problem with room for its results, and calls of the library on it.</summary>
internal sealed class Problem
{
    internal const int Heads = 4;

    internal Problem(AttentionProblem<float> inputs)
    {
        Inputs = inputs;
        Output = new float[Shape.OutputCount];
        LogSumExp = new float[Shape.RowCount];
        QueryGradient = new float[Shape.QueryCount];
        KeyGradient = new float[Shape.KeyCount];
        ValueGradient = new float[Shape.ValueCount];
    }

    internal AttentionProblem<float> Inputs { get; }

    internal AttentionShape Shape => Inputs.Shape;

    internal float[] Output { get; }

    internal float[] LogSumExp { get; }

    internal float[] QueryGradient { get; }

    internal float[] KeyGradient { get; }

    internal float[] ValueGradient { get; }

    /// <summary>As many queries as keys, <see cref="Heads"/> heads.</summary>
    internal static Problem Square(Size size, ReferenceMask? mask = null) => new(
        AttentionProblems.Random(new AttentionShape(1, Heads, Heads, size.Length, size.Length, size.HeadSize, size.HeadSize)) with { Mask = mask });

    /// <summary>The operations of two matrix products over that many pairs of every head.</summary>
    internal static double ForwardOperations(double pairs, int headSize) => 4 * Heads * pairs * headSize;

    internal void Forward<TMask, TModifier>(in TMask mask, in TModifier modifier, in ScoreTerms terms = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier =>
        ScaledDotProductAttention.Forward(
            new ReadOnlyTensorSpan<float>(Inputs.Query, Shape.QueryLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Key, Shape.KeyLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Value, Shape.ValueLengths),
            mask,
            modifier,
            terms,
            new TensorSpan<float>(Output, Shape.OutputLengths),
            new TensorSpan<float>(LogSumExp, Shape.RowLengths),
            options);

    internal void Backward<TMask>(in TMask mask)
        where TMask : struct, IAttentionMask =>
        ScaledDotProductAttention.Backward(
            new ReadOnlyTensorSpan<float>(Inputs.Query, Shape.QueryLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Key, Shape.KeyLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Value, Shape.ValueLengths),
            mask,
            new ReadOnlyTensorSpan<float>(Output, Shape.OutputLengths),
            new ReadOnlyTensorSpan<float>(LogSumExp, Shape.RowLengths),
            new ReadOnlyTensorSpan<float>(Inputs.OutputGradient!, Shape.OutputLengths),
            new TensorSpan<float>(QueryGradient, Shape.QueryLengths),
            new TensorSpan<float>(KeyGradient, Shape.KeyLengths),
            new TensorSpan<float>(ValueGradient, Shape.ValueLengths));

    /// <summary>Throws unless <see cref="Output"/> is as good as the plain loop's; nothing wrong is timed.</summary>
    internal void RequireOutput()
    {
        WidthConfig.RequireWidth();
        AttentionResult<double> reference = ReferenceAttention.Forward(Inputs);
        float[] plain = FloatLoopAttention.Forward(Inputs).Output;
        Tolerance.Mechanism("output", Output, reference.Output, plain, reference.Sensitivity.Output);
    }

    /// <summary>Throws unless the gradients are as good as the plain loop's.</summary>
    internal void RequireGradients()
    {
        WidthConfig.RequireWidth();
        AttentionGradients<double> reference = ReferenceAttention.Backward(Inputs);
        AttentionGradients<float> plain = FloatLoopAttention.Backward(Inputs);
        Tolerance.Mechanism("query gradient", QueryGradient, reference.Query, plain.Query, reference.Sensitivity.Query);
        Tolerance.Mechanism("key gradient", KeyGradient, reference.Key, plain.Key, reference.Sensitivity.Key);
        Tolerance.Mechanism("value gradient", ValueGradient, reference.Value, plain.Value, reference.Sensitivity.Value);
    }
}
