using Attention.Layers;

namespace Attention.TestKit;

/// <summary>The feed-forward block as plain loops in double, with the weights of a layer by their names.</summary>
public sealed record ReferenceFeedForward(int ModelSize, int InnerSize, FeedForwardKind Kind)
{
    public required IReadOnlyDictionary<string, double[]> Weights { get; init; }

    public double[] Forward(double[] input)
    {
        double[] inner = Linear("linear1", input, ModelSize);
        double[] gate = Kind == FeedForwardKind.SwiGlu ? Linear("gate", input, ModelSize) : [];
        double[] active = new double[inner.Length];
        for (int i = 0; i < inner.Length; i++)
        {
            double x = inner[i];
            active[i] = Kind switch
            {
                FeedForwardKind.Relu => Math.Max(x, 0),
                FeedForwardKind.Gelu => x * (1 + OperatorLoops.Erf(x / Math.Sqrt(2))) / 2,
                FeedForwardKind.GeluTanh => x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))) / 2,
                FeedForwardKind.Silu => Silu(x),
                FeedForwardKind.SwiGlu => Silu(gate[i]) * x,
                _ => throw new NotSupportedException($"There is no reference for {Kind}."),
            };
        }

        return Linear("linear2", active, InnerSize);
    }

    private static double Silu(double x) => x / (1 + Math.Exp(-x));

    private double[] Linear(string name, double[] input, int inputSize) => ReferenceLinear.Forward(
        input, Weights[$"{name}.weight"], Weights.TryGetValue($"{name}.bias", out double[]? bias) ? bias : [], inputSize);
}
