using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;

namespace QuickStart;

/// <summary>
/// A pre-norm transformer block: <c>x + attention(norm1(x))</c>, then <c>x + mlp(norm2(x))</c> with a swish in the middle.
/// </summary>
internal sealed class SvtrBlock : IDisposable
{
    internal const int ModelSize = 120;
    internal const int Heads = 8;
    private const int HiddenSize = 240;

    private readonly LayerNorm _attentionNorm = new(ModelSize);
    private readonly MultiHeadAttention _attention = new(ModelSize, Heads);
    private readonly LayerNorm _hiddenNorm = new(ModelSize);
    private readonly FeedForward _hidden = new(ModelSize, HiddenSize, FeedForwardKind.Silu);

    internal SvtrBlock(SafetensorsFile file, string name)
    {
        file.ReadInto(_attentionNorm, ("", $"{name}.norm1."));
        file.ReadInto(_attention, ("in_proj_", $"{name}.attn.qkv."), ("out_proj.", $"{name}.attn.proj."));
        file.ReadInto(_hiddenNorm, ("", $"{name}.norm2."));
        file.ReadInto(_hidden, ("linear1.", $"{name}.mlp.fc1."), ("linear2.", $"{name}.mlp.fc2."));
    }

    /// <summary>Runs the block on <paramref name="input"/> <c>[1, length, ModelSize]</c>.</summary>
    internal Variable Forward(Variable input)
    {
        using Variable normed = _attentionNorm.Forward(input);
        using Variable attended = _attention.Forward(normed);
        using Variable middle = Differentiable.Add(input, attended);

        using Variable middleNormed = _hiddenNorm.Forward(middle);
        using Variable hidden = _hidden.Forward(middleNormed);
        return Differentiable.Add(middle, hidden);
    }

    /// <summary>The attention weights <c>[1, heads, length, length]</c>, which the block itself never writes down.</summary>
    internal DeviceTensor Weights(Variable input)
    {
        using Variable normed = _attentionNorm.Forward(input);
        return _attention.Weights(normed, normed, default(NoMask));
    }

    public void Dispose()
    {
        _attentionNorm.Dispose();
        _attention.Dispose();
        _hiddenNorm.Dispose();
        _hidden.Dispose();
    }
}
