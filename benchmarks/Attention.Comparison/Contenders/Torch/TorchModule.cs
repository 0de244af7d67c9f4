using Attention.Comparison.Work;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>nn.MultiheadAttention or nn.TransformerEncoderLayer, which take sequences as [length, batch, size].</summary>
internal sealed class TorchModule : TorchLayer
{
    private readonly MultiheadAttention? _attention;
    private readonly TransformerEncoderLayer? _encoder;
    private readonly Tensor[] _learned;

    internal TorchModule(LayerTask task, int threads)
        : base(task, threads)
    {
        if (task.FeedForwardSize == 0)
        {
            _attention = nn.MultiheadAttention(task.ModelSize, task.Heads);
        }
        else
        {
            _encoder = nn.TransformerEncoderLayer(task.ModelSize, task.Heads, task.FeedForwardSize, 0);
            _encoder.train(task.Training);
        }

        nn.Module module = (nn.Module?)_attention ?? _encoder!;
        CopyInto(module);
        _learned = [.. module.parameters()];
    }

    /// <inheritdoc/>
    public override string Name => _attention is null ? "nn.TransformerEncoderLayer" : "nn.MultiheadAttention";

    /// <inheritdoc/>
    protected override IEnumerable<Tensor> Learned => _learned;

    /// <inheritdoc/>
    protected override Tensor Forward(Tensor input)
    {
        Tensor turned = input.transpose(0, 1);
        Tensor output = _attention is null
            ? _encoder!.call(turned, null!, null!)
            : _attention.call(turned, turned, turned, null!, false, null!).Item1;
        return output.transpose(0, 1);
    }

    /// <inheritdoc/>
    protected override void DisposeModule()
    {
        _attention?.Dispose();
        _encoder?.Dispose();
    }
}
