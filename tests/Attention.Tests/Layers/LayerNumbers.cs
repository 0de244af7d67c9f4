using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Seeded numbers for layers, and what comes out of them.</summary>
internal static class LayerNumbers
{
    /// <summary>Normally distributed numbers outside of any tape.</summary>
    internal static Variable Input(int seed, params ReadOnlySpan<nint> lengths) => Variable.Constant(Tensor(seed, lengths));

    internal static DeviceTensor Tensor(int seed, params ReadOnlySpan<nint> lengths)
    {
        nint count = 1;
        foreach (nint length in lengths)
        {
            count *= length;
        }

        return DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(seed), (int)count), lengths);
    }

    /// <summary>Gives every parameter, biases and norms too, numbers that a wrong place would show.</summary>
    internal static TLayer Filled<TLayer>(TLayer layer, int seed, float factor = 0.4f)
        where TLayer : Layer
    {
        var random = new Random(seed);
        foreach ((_, Parameter parameter) in layer.NamedParameters())
        {
            Set(parameter, AttentionProblems.Normal(random, (int)parameter.Data.Count, factor));
        }

        return layer;
    }

    internal static void Set(Parameter parameter, ReadOnlySpan<float> values) => parameter.Data.Backend.Upload(values, parameter.Data);

    /// <summary>Copies the parameters of one layer to another that has the same.</summary>
    internal static void Copy(Layer source, Layer target)
    {
        Dictionary<string, Parameter> parameters = target.NamedParameters().ToDictionary();
        foreach ((string name, Parameter parameter) in source.NamedParameters())
        {
            Set(parameters[name], parameter.Data.ToArray());
        }
    }

    internal static Dictionary<string, float[]> Parameters(Layer layer) =>
        layer.NamedParameters().ToDictionary(entry => entry.Key, entry => entry.Value.Data.ToArray());

    internal static Dictionary<string, double[]> Doubles(Layer layer) =>
        layer.NamedParameters().ToDictionary(entry => entry.Key, entry => Doubles(entry.Value.Data));

    internal static double[] Doubles(DeviceTensor tensor) => Array.ConvertAll(tensor.ToArray(), number => (double)number);

    /// <summary>The numbers of a result, which is disposed.</summary>
    internal static float[] Take(Variable result)
    {
        using (result)
        {
            return result.Data.ToArray();
        }
    }

    /// <summary>The gradients of all parameters, which are forgotten.</summary>
    internal static Dictionary<string, float[]> TakeGradients(Layer layer)
    {
        Dictionary<string, float[]> gradients =
            layer.NamedParameters().ToDictionary(entry => entry.Key, entry => entry.Value.Gradient!.ToArray());
        layer.ClearGradients();
        return gradients;
    }
}
