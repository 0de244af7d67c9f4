using Attention.Comparison.Work;
using Attention.Mechanisms;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>nn.GRU or nn.LSTM with the task's weights.</summary>
internal sealed class TorchRecurrent : TorchComposition
{
    private static readonly string[] s_parameters = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];

    private readonly GRU? _gru;
    private readonly LSTM? _lstm;

    internal TorchRecurrent(RecurrentTask task, bool isTraining, int threads)
        : base(task, isTraining, threads)
    {
        if (task.Cell == RecurrentCell.Lstm)
        {
            _lstm = nn.LSTM(task.InputSize, task.HiddenSize, batchFirst: true);
        }
        else
        {
            _gru = nn.GRU(task.InputSize, task.HiddenSize, batchFirst: true);
        }

        TakeParameters((nn.Module?)_gru ?? _lstm!);
    }

    /// <inheritdoc/>
    public override string Name => _lstm is null ? "nn.GRU" : "nn.LSTM";

    /// <inheritdoc/>
    protected override Tensor Forward() => _lstm is null ? _gru!.call(Inputs[0]).Item1 : _lstm.call(Inputs[0]).Item1;

    /// <inheritdoc/>
    protected override void DisposeModule()
    {
        _gru?.Dispose();
        _lstm?.Dispose();
    }

    /// <summary>Gives the module the task's weights, and puts its parameters in their place: gradients are taken of those.</summary>
    private void TakeParameters(nn.Module module)
    {
        using IDisposable _ = no_grad();
        Dictionary<string, Parameter> parameters = module.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter);
        for (int i = 0; i < s_parameters.Length; i++)
        {
            Parameter parameter = parameters[s_parameters[i]];
            parameter.copy_(Inputs[i + 1]);
            Inputs[i + 1].Dispose();
            Inputs[i + 1] = parameter;
        }
    }
}
