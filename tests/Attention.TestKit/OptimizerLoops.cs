using System.Numerics;

namespace Attention.TestKit;

/// <summary>The steps of optimisers as plain loops: in double the reference, in float the yardstick of its error.</summary>
public static class OptimizerLoops
{
    /// <summary>A step of AdamW on every element.</summary>
    public static void Adam<T>(
        T[] parameter, float[] gradient, T[] first, T[] second,
        float learningRate, float beta1, float beta2, float epsilon, float weightDecay, float gradientScale, long step)
        where T : IFloatingPointIeee754<T>
    {
        T keep1 = T.CreateChecked(beta1);
        T keep2 = T.CreateChecked(beta2);
        T correction1 = T.CreateChecked(1 - Math.Pow(beta1, step));
        T correction2 = T.CreateChecked(1 - Math.Pow(beta2, step));
        for (int i = 0; i < parameter.Length; i++)
        {
            T slope = T.CreateChecked(gradient[i]) * T.CreateChecked(gradientScale);
            parameter[i] -= T.CreateChecked(learningRate) * T.CreateChecked(weightDecay) * parameter[i];
            first[i] = keep1 * first[i] + (T.One - keep1) * slope;
            second[i] = keep2 * second[i] + (T.One - keep2) * slope * slope;
            T root = T.Sqrt(second[i] / correction2) + T.CreateChecked(epsilon);
            parameter[i] -= T.CreateChecked(learningRate) * (first[i] / correction1) / root;
        }
    }

    /// <summary>A step of gradient descent on every element; without a velocity there is no momentum.</summary>
    public static void Momentum<T>(
        T[] parameter, float[] gradient, T[]? velocity,
        float learningRate, float momentum, bool nesterov, float weightDecay, float gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        T keep = T.CreateChecked(momentum);
        for (int i = 0; i < parameter.Length; i++)
        {
            T slope = T.CreateChecked(gradient[i]) * T.CreateChecked(gradientScale) + T.CreateChecked(weightDecay) * parameter[i];
            if (velocity is not null)
            {
                velocity[i] = keep * velocity[i] + slope;
                slope = nesterov ? slope + keep * velocity[i] : velocity[i];
            }

            parameter[i] -= T.CreateChecked(learningRate) * slope;
        }
    }
}
