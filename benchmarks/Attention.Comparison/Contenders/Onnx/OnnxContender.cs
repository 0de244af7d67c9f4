using Microsoft.ML.OnnxRuntime;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>An ONNX Runtime session of one operator; nothing is copied in or out of it.</summary>
internal sealed class OnnxContender : IContender
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly OrtIoBinding _binding;
    private readonly OnnxTensor[] _tensors;
    private readonly Func<float[], float[]> _arrange;
    private readonly float[] _output;

    /// <summary>
    /// Builds the session. The first output is the result, which <paramref name="arrange"/> puts in the library's order.
    /// </summary>
    internal OnnxContender(
        string name, byte[] model, OnnxTensor?[] inputs, OnnxTensor[] outputs, Func<float[], float[]> arrange, int threads)
    {
        Name = name;
        _arrange = arrange;
        _output = (float[])outputs[0].Data;
        using var settings = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        _session = new InferenceSession(model, settings);
        _binding = _session.CreateIoBinding();
        _tensors = [.. inputs.OfType<OnnxTensor>(), .. outputs];
        foreach (OnnxTensor input in inputs.OfType<OnnxTensor>())
        {
            _binding.BindInput(input.Name, input.Value);
        }

        foreach (OnnxTensor output in outputs)
        {
            _binding.BindOutput(output.Name, output.Value);
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run() => _session.RunWithBinding(_options, _binding);

    /// <inheritdoc/>
    public float[] Result() => _arrange(_output);

    /// <inheritdoc/>
    public void Dispose()
    {
        _binding.Dispose();
        _options.Dispose();
        _session.Dispose();
        foreach (OnnxTensor tensor in _tensors)
        {
            tensor.Value.Dispose();
        }
    }
}
