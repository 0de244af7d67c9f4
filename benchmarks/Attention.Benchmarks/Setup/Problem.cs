using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Benchmarks.Setup;

/// <summary>A random attention problem with room for its results, and calls of the library on it.</summary>
internal sealed class Problem
{
    internal const int Heads = 4;

    // Kept, so that the memory column shows the library's allocations alone.
    private readonly nint[] _queryLengths;
    private readonly nint[] _keyLengths;
    private readonly nint[] _valueLengths;
    private readonly nint[] _outputLengths;
    private readonly nint[] _rowLengths;

    internal Problem(AttentionProblem<float> inputs)
    {
        Inputs = inputs;
        _queryLengths = Shape.QueryLengths;
        _keyLengths = Shape.KeyLengths;
        _valueLengths = Shape.ValueLengths;
        _outputLengths = Shape.OutputLengths;
        _rowLengths = Shape.RowLengths;
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
    internal static Problem Square(Size size, ReferenceMask? mask = null)
    {
        var shape = new AttentionShape(1, Heads, Heads, size.Length, size.Length, size.HeadSize, size.HeadSize);
        return new Problem(AttentionProblems.Random(shape) with { Mask = mask });
    }

    /// <summary>The operations of two matrix products over that many pairs of every head.</summary>
    internal static double ForwardOperations(double pairs, int headSize) => 4 * Heads * pairs * headSize;

    internal void Forward<TMask, TModifier>(
        in TMask mask, in TModifier modifier, in ScoreTerms terms = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier =>
        ScaledDotProductAttention.Forward(
            new ReadOnlyTensorSpan<float>(Inputs.Query, _queryLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Key, _keyLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Value, _valueLengths),
            mask,
            modifier,
            terms,
            new TensorSpan<float>(Output, _outputLengths),
            new TensorSpan<float>(LogSumExp, _rowLengths),
            options);

    internal void Backward<TMask>(in TMask mask)
        where TMask : struct, IAttentionMask =>
        ScaledDotProductAttention.Backward(
            new ReadOnlyTensorSpan<float>(Inputs.Query, _queryLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Key, _keyLengths),
            new ReadOnlyTensorSpan<float>(Inputs.Value, _valueLengths),
            mask,
            new ReadOnlyTensorSpan<float>(Output, _outputLengths),
            new ReadOnlyTensorSpan<float>(LogSumExp, _rowLengths),
            new ReadOnlyTensorSpan<float>(Inputs.OutputGradient!, _outputLengths),
            new TensorSpan<float>(QueryGradient, _queryLengths),
            new TensorSpan<float>(KeyGradient, _keyLengths),
            new TensorSpan<float>(ValueGradient, _valueLengths));

    /// <summary>Throws unless <see cref="Output"/> is as good as the plain loop's; nothing wrong is timed.</summary>
    internal void RequireOutput()
    {
        WidthConfig.RequireWidth();
        AttentionResult<double> reference = ReferenceAttention.Forward(Inputs);
        float[] plain = FloatLoopAttention.Forward(Inputs).Output;
        Tolerance.Mechanism("output", Output, reference.Output, plain, reference.Sensitivity.Output, Inputs.Shape.RowCount);
    }

    /// <summary>Throws unless the gradients are as good as the plain loop's.</summary>
    internal void RequireGradients()
    {
        WidthConfig.RequireWidth();
        AttentionGradients<double> reference = ReferenceAttention.Backward(Inputs);
        AttentionGradients<float> plain = FloatLoopAttention.Backward(Inputs);
        Tolerance.Mechanism("query gradient", QueryGradient, reference.Query, plain.Query, reference.Sensitivity.Query, Inputs.Shape.RowCount);
        Tolerance.Mechanism("key gradient", KeyGradient, reference.Key, plain.Key, reference.Sensitivity.Key, Inputs.Shape.RowCount);
        Tolerance.Mechanism("value gradient", ValueGradient, reference.Value, plain.Value, reference.Sensitivity.Value, Inputs.Shape.RowCount);
    }
}
