using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>Location-aware attention as libtorch's users compose it: a loop over steps.</summary>
internal sealed class TorchLocationAware(LocationAwareTask task, bool isTraining, int threads) : TorchComposition(task, isTraining, threads)
{
    /// <inheritdoc/>
    public override string Name => "loop of conv1d, linear, tanh, matmul, softmax, bmm";

    /// <inheritdoc/>
    protected override Tensor Forward()
    {
        Tensor filters = Inputs[4].unsqueeze(1);
        Tensor alignment = Inputs[6].unsqueeze(1);
        var contexts = new List<Tensor>();
        foreach (Tensor query in Inputs[0].split(1, 1))
        {
            Tensor features = nn.functional.conv1d(alignment, filters, padding: task.Width / 2);
            Tensor location = nn.functional.linear(features.transpose(1, 2), Inputs[5]);
            Tensor hidden = (query + Inputs[1] + location).tanh();
            alignment = hidden.matmul(Inputs[3]).softmax(-1).unsqueeze(1);
            contexts.Add(alignment.bmm(Inputs[2]));
        }

        return cat(contexts, 1);
    }
}
