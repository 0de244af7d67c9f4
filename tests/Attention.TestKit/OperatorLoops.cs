using System.Numerics;
using Attention.Operators;

namespace Attention.TestKit;

/// <summary>
/// The operators as plain loops over row-major arrays: in double the reference, in float the yardstick of its error.
/// </summary>
public static class OperatorLoops
{
    /// <summary>Element <paramref name="element"/> of a shape, as an element of a tensor that is broadcast to it.</summary>
    public static int Broadcast(int element, ReadOnlySpan<nint> full, ReadOnlySpan<nint> own)
    {
        int place = 0;
        int stride = 1;
        for (int fromEnd = 1; fromEnd <= full.Length; fromEnd++)
        {
            int index = element % (int)full[^fromEnd];
            element /= (int)full[^fromEnd];
            if (fromEnd <= own.Length)
            {
                place += own[^fromEnd] == 1 ? 0 : index * stride;
                stride *= (int)own[^fromEnd];
            }
        }

        return place;
    }

    /// <summary>An activation.</summary>
    public static T Activate<T>(ActivationKind kind, T x)
        where T : IFloatingPointIeee754<T>
    {
        T half = T.CreateChecked(0.5);
        return kind switch
        {
            ActivationKind.Relu => T.Max(x, T.Zero),
            ActivationKind.Gelu => half * x * (T.One + Erf(x * T.CreateChecked(Math.Sqrt(0.5)))),
            ActivationKind.GeluTanh => half * x * (T.One + T.Tanh(Cubic(x))),
            ActivationKind.Silu => x / (T.One + T.Exp(-x)),
            ActivationKind.Sigmoid => T.One / (T.One + T.Exp(-x)),
            _ => T.Tanh(x),
        };
    }

    /// <summary>Its derivative.</summary>
    public static T ActivateDerivative<T>(ActivationKind kind, T x)
        where T : IFloatingPointIeee754<T>
    {
        T half = T.CreateChecked(0.5);
        T sigmoid = T.One / (T.One + T.Exp(-x));
        T tanh = T.Tanh(kind == ActivationKind.GeluTanh ? Cubic(x) : x);
        return kind switch
        {
            ActivationKind.Relu => x > T.Zero ? T.One : T.Zero,
            ActivationKind.Gelu => half * (T.One + Erf(x * T.CreateChecked(Math.Sqrt(0.5))))
                + x * T.Exp(-half * x * x) / T.CreateChecked(Math.Sqrt(2 * Math.PI)),
            ActivationKind.GeluTanh => half * (T.One + tanh)
                + half * x * (T.One - tanh * tanh) * T.CreateChecked(Math.Sqrt(2 / Math.PI)) * (T.One + T.CreateChecked(3 * 0.044715) * x * x),
            ActivationKind.Silu => sigmoid * (T.One + x * (T.One - sigmoid)),
            ActivationKind.Sigmoid => sigmoid * (T.One - sigmoid),
            _ => T.One - tanh * tanh,
        };
    }

    /// <summary>The error function: its series near 0, the continued fraction of its complement far away.</summary>
    public static double Erf(double x)
    {
        double t = Math.Abs(x);
        if (double.IsNaN(x) || t > 6)
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }

        if (t < 2.5)
        {
            double term = x;
            double sum = x;
            for (int n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
            {
                term *= 2 * x * x / (2 * n + 1);
                sum += term;
            }

            return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
        }

        double fraction = t;
        for (int n = 60; n > 0; n--)
        {
            fraction = t + 0.5 * n / fraction;
        }

        return Math.Sign(x) * (1 - Math.Exp(-t * t) / (Math.Sqrt(Math.PI) * fraction));
    }

    /// <summary>One row of a normalisation before weight and bias, and one over its deviation.</summary>
    public static T[] Normalise<T>(NormalizationKind kind, ReadOnlySpan<T> row, T epsilon, out T scale)
        where T : IFloatingPointIeee754<T>
    {
        T count = T.CreateChecked(row.Length);
        T mean = T.Zero;
        foreach (T x in row)
        {
            mean += kind == NormalizationKind.Layer ? x : T.Zero;
        }

        mean /= count;
        T squares = T.Zero;
        foreach (T x in row)
        {
            squares += (x - mean) * (x - mean);
        }

        scale = T.One / T.Sqrt(squares / count + epsilon);
        T[] normalised = new T[row.Length];
        for (int i = 0; i < row.Length; i++)
        {
            normalised[i] = (row[i] - mean) * scale;
        }

        return normalised;
    }

    /// <summary>The gradient of one row of a normalisation, given that of its output; adds to those of weight and bias.</summary>
    public static T[] NormaliseBackward<T>(
        NormalizationKind kind,
        ReadOnlySpan<T> row,
        ReadOnlySpan<T> weight,
        T epsilon,
        ReadOnlySpan<T> outputGradient,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : IFloatingPointIeee754<T>
    {
        T[] normalised = Normalise(kind, row, epsilon, out T scale);
        T count = T.CreateChecked(row.Length);
        T mean = T.Zero;
        T meanProduct = T.Zero;
        for (int i = 0; i < row.Length; i++)
        {
            T slope = outputGradient[i] * weight[i];
            mean += kind == NormalizationKind.Layer ? slope : T.Zero;
            meanProduct += slope * normalised[i];
            weightGradient[i] += outputGradient[i] * normalised[i];
            biasGradient[i] += outputGradient[i];
        }

        mean /= count;
        meanProduct /= count;
        T[] gradient = new T[row.Length];
        for (int i = 0; i < row.Length; i++)
        {
            gradient[i] = scale * (outputGradient[i] * weight[i] - mean - normalised[i] * meanProduct);
        }

        return gradient;
    }

    /// <summary>The cross entropy of one row; the share <paramref name="smoothing"/> is spread over all classes.</summary>
    public static T CrossEntropy<T>(ReadOnlySpan<T> row, int target, T smoothing, T[] gradient)
        where T : IFloatingPointIeee754<T>
    {
        T max = T.NegativeInfinity;
        foreach (T x in row)
        {
            max = T.Max(max, x);
        }

        T sum = T.Zero;
        foreach (T x in row)
        {
            sum += T.Exp(x - max);
        }

        T loss = T.Zero;
        for (int i = 0; i < row.Length; i++)
        {
            T label = smoothing / T.CreateChecked(row.Length) + (i == target ? T.One - smoothing : T.Zero);
            loss += label == T.Zero ? T.Zero : label * (T.Log(sum) - (row[i] - max));
            gradient[i] = T.Exp(row[i] - max) / sum - label;
        }

        return loss;
    }

    private static T Erf<T>(T x)
        where T : IFloatingPointIeee754<T> => T.CreateChecked(Erf(double.CreateChecked(x)));

    private static T Cubic<T>(T x)
        where T : IFloatingPointIeee754<T> =>
        T.CreateChecked(Math.Sqrt(2 / Math.PI)) * (x + T.CreateChecked(0.044715) * x * x * x);
}
