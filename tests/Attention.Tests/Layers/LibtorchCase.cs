using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>A case that libtorch computed: <c>Layers/Data/README.md</c> says how.</summary>
internal sealed class LibtorchCase : IDisposable
{
    private readonly SafetensorsFile _file;
    private readonly string _name;
    private readonly IComputeBackend _backend;

    internal LibtorchCase(string file, string name, IComputeBackend? backend = null)
    {
        _file = SafetensorsFile.Open(Path.Combine(RepositoryFiles.Locate("tests/Attention.Tests/Layers/Data"), file + ".safetensors"));
        _name = name;
        _backend = backend ?? CpuBackend.Shared;
    }

    public void Dispose() => _file.Dispose();

    internal float[] Floats(string name, out nint[] shape)
    {
        _file.TryGetTensor($"{_name}.{name}", out SafetensorsTensor? tensor).Should().BeTrue("{0}.{1} is in the file", _name, name);
        shape = tensor!.Shape.ToArray();
        float[] values = new float[tensor.ElementCount];
        _file.Read(tensor.Name, values);
        return values;
    }

    internal DeviceTensor Tensor(string name) => DeviceTensor.Create(_backend, Floats(name, out nint[] shape), shape);

    /// <summary>The keys that may be attended to, batch by batch, from PyTorch's mask of hidden ones.</summary>
    internal KeyLengthMask KeyLengths(string name)
    {
        float[] hidden = Floats(name, out nint[] shape);
        int[] lengths = [.. Enumerable.Range(0, (int)shape[0]).Select(batch => hidden.AsSpan(batch * (int)shape[1], (int)shape[1]).Count(0f))];
        return new KeyLengthMask(lengths);
    }

    /// <summary>Gives a layer the case's weights.</summary>
    internal void LoadInto(Layer layer)
    {
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            parameter.Data.Backend.Upload(Floats("weight." + name, out nint[] shape), parameter.Data);
            shape.Should().Equal(parameter.Data.Lengths.ToArray(), "{0} has PyTorch's layout", name);
        }
    }

    /// <summary>Compares an output, plays the case's gradient back and compares every gradient.</summary>
    internal void Check(Tape tape, Variable output, Layer layer, params (string Name, Variable Input)[] inputs)
    {
        Compare("output", output.Data);
        using DeviceTensor gradient = Tensor("gradient.output");
        tape.Backward(output, gradient);
        foreach ((string name, Variable input) in inputs)
        {
            Compare("gradient.input." + name, input.Gradient!);
        }

        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Compare("gradient.weight." + name, parameter.Gradient!);
        }
    }

    internal void Compare(string name, DeviceTensor actual)
    {
        float[] expected = Floats(name, out nint[] shape);
        actual.Lengths.ToArray().Should().Equal(shape, "{0} has that shape", name);
        Tolerance.RelativeToLargest($"{_name}.{name}", actual.ToArray(), expected);
    }
}
