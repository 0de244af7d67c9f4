using Attention.Layers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>One case: what goes into a layer, what comes out, and the gradients of all that went in.</summary>
internal sealed class FixtureCase
{
    private readonly SafetensorsWriter _writer;
    private readonly string _name;
    private readonly List<(string Name, Tensor Tensor)> _leaves = [];

    internal FixtureCase(SafetensorsWriter writer, string name, int seed)
    {
        _writer = writer;
        _name = name;
        manual_seed(seed);
        _writer.AddMetadata($"{name}.seed", $"{seed}");
    }

    /// <summary>A normally distributed input, whose gradient is kept too.</summary>
    internal Tensor Input(string name, params long[] shape)
    {
        Tensor input = randn(shape).requires_grad_(true);
        Add($"input.{name}", input);
        _leaves.Add(($"input.{name}", input));
        return input;
    }

    /// <summary>An input without a gradient, for example a mask, stored as floats.</summary>
    internal Tensor Constant(string name, Tensor constant)
    {
        Add($"input.{name}", constant);
        return constant;
    }

    /// <summary>
    /// Gives every parameter of a module random numbers (the zeros and ones that PyTorch begins with would hide mistakes),
    /// and keeps them under PyTorch's own names.
    /// </summary>
    internal void Weights(nn.Module module)
    {
        using (no_grad())
        {
            foreach ((string name, Parameter parameter) in module.named_parameters())
            {
                // Of all weights, those of a normalisation alone are vectors: they scale, so they lie around 1.
                bool scale = parameter.dim() == 1 && name.EndsWith("weight", StringComparison.Ordinal);
                parameter.normal_(scale ? 1 : 0, 0.3);
            }
        }

        foreach ((string name, Parameter parameter) in module.named_parameters())
        {
            Add($"weight.{name}", parameter);
            _leaves.Add(($"weight.{name}", parameter));
        }
    }

    /// <summary>A random parameter that is not a module's, under the name that it has in PyTorch.</summary>
    internal Tensor Weight(string name, params long[] shape)
    {
        Tensor weight = (randn(shape) * 0.3).requires_grad_(true);
        Add($"weight.{name}", weight);
        _leaves.Add(($"weight.{name}", weight));
        return weight;
    }

    /// <summary>A further result of the layer.</summary>
    internal void Result(string name, Tensor result) => Add(name, result);

    /// <summary>Keeps the output and a random gradient of it, and what that makes the gradients of inputs and weights.</summary>
    internal void Output(Tensor output)
    {
        Add("output", output);
        Tensor outputGradient = randn(output.shape);
        Add("gradient.output", outputGradient);
        IList<Tensor> gradients = autograd.grad([output], [.. _leaves.Select(leaf => leaf.Tensor)], [outputGradient]);
        foreach (((string name, Tensor _), Tensor gradient) in _leaves.Zip(gradients))
        {
            Add($"gradient.{name}", gradient);
        }
    }

    private void Add(string name, Tensor tensor)
    {
        nint[] shape = [.. tensor.shape.Select(length => (nint)length)];
        _writer.Add($"{_name}.{name}", shape, tensor.detach().to_type(ScalarType.Float32).contiguous().data<float>().ToArray());
    }
}
