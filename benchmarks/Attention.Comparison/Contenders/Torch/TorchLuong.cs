using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>Luong's global attention with the general score, as libtorch's users compose it.</summary>
internal sealed class TorchLuong(LuongTask task, bool isTraining, int threads) : TorchComposition(task, isTraining, threads)
{
    /// <inheritdoc/>
    public override string Name => "linear, bmm, softmax, bmm";

    /// <inheritdoc/>
    protected override Tensor Forward()
    {
        Tensor projected = nn.functional.linear(Inputs[0], Inputs[2]);
        Tensor weights = projected.bmm(Inputs[1].transpose(1, 2)).softmax(-1);
        return weights.bmm(Inputs[1]);
    }
}
