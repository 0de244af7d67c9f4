using Attention.Operators;

namespace Attention.TestKit;

public sealed partial class PlainTensor
{
    private int RowSize => (int)Lengths[^1];

    private int RowCount => RowSize == 0 ? 0 : Values.Length / RowSize;

    /// <summary>An activation function.</summary>
    public PlainTensor Activate(ActivationKind kind) =>
        Map(x => _isFloat ? OperatorLoops.Activate(kind, (float)x) : OperatorLoops.Activate(kind, x));

    /// <summary>Its derivative at every number.</summary>
    public PlainTensor ActivateDerivative(ActivationKind kind) =>
        Map(x => _isFloat ? OperatorLoops.ActivateDerivative(kind, (float)x) : OperatorLoops.ActivateDerivative(kind, x));

    /// <summary>Rows of the last axis, normalised; without weight and bias.</summary>
    public PlainTensor Normalize(NormalizationKind kind, float epsilon) => EachRow(
        row => _isFloat
            ? Widen(OperatorLoops.Normalise<float>(kind, Narrow(row), epsilon, out _))
            : OperatorLoops.Normalise<double>(kind, row, epsilon, out _));

    /// <summary>The gradients of rows, weight and bias of a normalisation, given that of the result.</summary>
    public (PlainTensor Input, PlainTensor Weight, PlainTensor Bias) NormalizeBackward(
        NormalizationKind kind, PlainTensor weight, float epsilon, PlainTensor outputGradient)
    {
        double[] input = new double[Values.Length];
        double[] weightGradient = new double[RowSize];
        double[] biasGradient = new double[RowSize];
        float[] weightFloats = new float[RowSize];
        float[] biasFloats = new float[RowSize];
        for (int row = 0; row < RowCount; row++)
        {
            int start = row * RowSize;
            ReadOnlySpan<double> gradient = outputGradient.Values.AsSpan(start, RowSize);
            double[] result = _isFloat
                ? Widen(OperatorLoops.NormaliseBackward<float>(
                    kind, Narrow(Row(row)), weight.Floats, epsilon, Narrow(gradient), weightFloats, biasFloats))
                : OperatorLoops.NormaliseBackward<double>(kind, Row(row), weight.Values, epsilon, gradient, weightGradient, biasGradient);
            result.CopyTo(input, start);
        }

        return (
            With(input, Lengths),
            With(_isFloat ? Widen(weightFloats) : weightGradient, RowSize),
            With(_isFloat ? Widen(biasFloats) : biasGradient, RowSize));
    }

    /// <summary>Rows of a table.</summary>
    public PlainTensor Gather(ReadOnlySpan<int> indices)
    {
        List<double> values = [];
        foreach (int index in indices)
        {
            values.AddRange(Row(index));
        }

        return With([.. values], indices.Length, RowSize);
    }

    /// <summary>These rows added up in a table of zeros where they were taken from.</summary>
    public PlainTensor Scatter(ReadOnlySpan<int> indices, int count)
    {
        double[] values = new double[count * RowSize];
        for (int i = 0; i < indices.Length; i++)
        {
            for (int column = 0; column < RowSize; column++)
            {
                int place = indices[i] * RowSize + column;
                values[place] = Round(values[place] + Row(i)[column]);
            }
        }

        return With(values, count, RowSize);
    }

    /// <summary>The cross-entropy of every row; 0 for a target of -1.</summary>
    public PlainTensor CrossEntropy(ReadOnlySpan<int> targets, float labelSmoothing)
    {
        double[] losses = new double[targets.Length];
        for (int row = 0; row < losses.Length; row++)
        {
            losses[row] = CrossEntropy(row, targets[row], labelSmoothing, new double[RowSize]);
        }

        return With(losses, losses.Length);
    }

    /// <summary>Its gradient by the logits where each loss has gradient 1.</summary>
    public PlainTensor CrossEntropyGradient(ReadOnlySpan<int> targets, float labelSmoothing)
    {
        double[] gradients = new double[Values.Length];
        for (int row = 0; row < targets.Length; row++)
        {
            CrossEntropy(row, targets[row], labelSmoothing, gradients.AsSpan(row * RowSize, RowSize));
        }

        return With(gradients, Lengths);
    }

    private static float[] Narrow(ReadOnlySpan<double> values)
    {
        float[] floats = new float[values.Length];
        for (int i = 0; i < floats.Length; i++)
        {
            floats[i] = (float)values[i];
        }

        return floats;
    }

    private double CrossEntropy(int row, int target, float labelSmoothing, Span<double> gradient)
    {
        if (target < 0)
        {
            return 0;
        }

        if (_isFloat)
        {
            float[] floats = new float[RowSize];
            float loss = OperatorLoops.CrossEntropy<float>(Narrow(Row(row)), target, labelSmoothing, floats);
            Widen(floats).CopyTo(gradient);
            return loss;
        }

        double[] doubles = new double[RowSize];
        double result = OperatorLoops.CrossEntropy<double>(Row(row), target, labelSmoothing, doubles);
        doubles.CopyTo(gradient);
        return result;
    }

    private ReadOnlySpan<double> Row(int row) => Values.AsSpan(row * RowSize, RowSize);

    private PlainTensor EachRow(Func<double[], double[]> function)
    {
        List<double> values = [];
        for (int row = 0; row < RowCount; row++)
        {
            values.AddRange(function(Row(row).ToArray()));
        }

        return With([.. values], Lengths);
    }
}
