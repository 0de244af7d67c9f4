using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>The same layer composed of linear, scaled_dot_product_attention and layer_norm, as a libtorch user in a hurry would.</summary>
internal sealed class TorchComposedLayer(LayerTask task, int threads) : TorchLayer(task, threads)
{
    /// <inheritdoc/>
    public override string Name => "linear and scaled_dot_product_attention";

    /// <inheritdoc/>
    protected override IEnumerable<Tensor> Learned => Weights.Values;

    /// <inheritdoc/>
    protected override Tensor Forward(Tensor input)
    {
        if (Task.FeedForwardSize == 0)
        {
            return Attend(input, string.Empty);
        }

        long[] size = [Task.ModelSize];
        Tensor attended = nn.functional.layer_norm(input + Attend(input, "self_attn."), size, Weights["norm1.weight"], Weights["norm1.bias"]);
        Tensor inner = nn.functional.relu(nn.functional.linear(attended, Weights["linear1.weight"], Weights["linear1.bias"]));
        Tensor change = nn.functional.linear(inner, Weights["linear2.weight"], Weights["linear2.bias"]);
        return nn.functional.layer_norm(attended + change, size, Weights["norm2.weight"], Weights["norm2.bias"]);
    }

    private Tensor Attend(Tensor input, string prefix)
    {
        long headSize = Task.ModelSize / Task.Heads;
        Tensor packed = nn.functional.linear(input, Weights[prefix + "in_proj_weight"], Weights[prefix + "in_proj_bias"]);
        Tensor[] parts = packed.view(Task.Batch, Task.Length, 3, Task.Heads, headSize).permute(2, 0, 3, 1, 4).unbind(0);
        Tensor output = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], null, 0, false);
        Tensor joined = output.transpose(1, 2).reshape(Task.Batch, Task.Length, Task.ModelSize);
        return nn.functional.linear(joined, Weights[prefix + "out_proj.weight"], Weights[prefix + "out_proj.bias"]);
    }
}
