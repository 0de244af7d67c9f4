using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Benchmarks.Setup;

/// <summary>Makes problems.</summary>
internal static class LayerProblem
{
    /// <summary>A layer, how to call it, and the size of its input, <c>[1, length, size]</c>.</summary>
    internal static LayerProblem<TLayer> Create<TLayer>(TLayer layer, Func<TLayer, Variable, Variable> forward, int length, int size)
        where TLayer : Layer => new(layer, forward, length, size);
}

/// <summary>A layer with an input, <c>[1, length, size]</c>, and the ways to run it.</summary>
internal sealed class LayerProblem<TLayer>(TLayer layer, Func<TLayer, Variable, Variable> forward, int length, int size) : IDisposable
    where TLayer : Layer
{
    private readonly DeviceTensor _input = DeviceTensor.Create(
        layer.Backend, AttentionProblems.Normal(new Random(1), length * size), 1, length, size);

    internal double[] Input => Widen(_input);

    /// <summary>The layer's weights whose names begin with <paramref name="prefix"/>, without it.</summary>
    internal Dictionary<string, double[]> Weights(string prefix = "") => layer.NamedParameters()
        .Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
        .ToDictionary(entry => entry.Key[prefix.Length..], entry => Widen(entry.Value.Data));

    internal void Forward()
    {
        using Variable input = Variable.Constant(_input.Share());
        using Variable output = forward(layer, input);
    }

    /// <summary>Forward under a tape, and the gradients of input and weights by the sum of the output.</summary>
    internal void Train()
    {
        layer.ClearGradients();
        using var tape = new Tape();
        using Variable input = tape.Watch(_input.Share());
        using Variable output = forward(layer, input);
        using Variable loss = Differentiable.Sum(output);
        tape.Backward(loss);
    }

    /// <summary>Throws unless the output is the reference's, and is the same under a tape.</summary>
    internal void RequireOutput(double[] reference)
    {
        WidthConfig.RequireWidth();
        using Variable input = Variable.Constant(_input.Share());
        using Variable output = forward(layer, input);
        Tolerance.Golden("output", output.Data.ToArray(), reference);
        using var tape = new Tape();
        using Variable watched = tape.Watch(_input.Share());
        using Variable recorded = forward(layer, watched);
        Tolerance.SameBits("output under a tape", recorded.Data.ToArray(), output.Data.ToArray());
    }

    /// <summary>Throws unless the directional derivative of the sum of the output is what the gradient of the input says.</summary>
    /// <param name="reference">The layer in double.</param>
    internal void RequireGradient(Func<double[], double[]> reference)
    {
        // The step of central differences in double, whose own error is far below the float gradient's.
        const double Step = 1e-5;
        double[] input = Input;
        double[] direction = AttentionProblems.Wave(3, input.Length);
        double Loss(double step) => reference([.. input.Select((x, i) => x + (step * direction[i]))]).Sum();
        double expected = (Loss(Step) - Loss(-Step)) / (2 * Step);
        using var tape = new Tape();
        using Variable watched = tape.Watch(_input.Share());
        using Variable output = forward(layer, watched);
        using Variable loss = Differentiable.Sum(output);
        tape.Backward(loss);
        double[] gradient = Widen(watched.Gradient!);
        double actual = gradient.Select((x, i) => x * direction[i]).Sum();

        // The sum may cancel, so its error is measured by its terms.
        double magnitude = gradient.Select((x, i) => Math.Abs(x * direction[i])).Sum();
        Tolerance.Golden("directional derivative", [(float)(actual / magnitude)], [expected / magnitude]);
    }

    public void Dispose()
    {
        _input.Dispose();
        layer.Dispose();
    }

    private static double[] Widen(DeviceTensor tensor) => Array.ConvertAll(tensor.ToArray(), number => (double)number);
}
