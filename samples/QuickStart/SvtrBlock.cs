using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;

namespace QuickStart;

/// <summary>
/// A pre-norm transformer block: <c>x + attention(norm1(x))</c>, then <c>x + mlp(norm2(x))</c> with a swish in the middle.
/// </summary>
internal sealed class TransformerBlock(SafetensorsFile file, string name)
{
    internal const int ModelSize = 120;
    internal const int Heads = 8;
    private const int HeadSize = ModelSize / Heads;
    private const int HiddenSize = 240;

    private readonly LayerNorm _attentionNorm = new(file, name + ".norm1", ModelSize);
    private readonly Linear _packedProjection = new(file, name + ".attn.qkv", ModelSize, 3 * ModelSize);
    private readonly Linear _outputProjection = new(file, name + ".attn.proj", ModelSize, ModelSize);
    private readonly LayerNorm _hiddenNorm = new(file, name + ".norm2", ModelSize);
    private readonly Linear _hidden = new(file, name + ".mlp.fc1", ModelSize, HiddenSize);
    private readonly Linear _reduce = new(file, name + ".mlp.fc2", HiddenSize, ModelSize);

    /// <summary>Query, key and value for <paramref name="input"/> <c>[length, ModelSize]</c>.</summary>
    internal PackedProjection Project(float[] input) =>
        new(_packedProjection.Forward(_attentionNorm.Forward(input)), Heads, HeadSize);

    /// <summary>Runs the block on <paramref name="input"/> <c>[length, ModelSize]</c>.</summary>
    internal float[] Forward(float[] input)
    {
        PackedProjection projection = Project(input);
        float[] attended = new float[input.Length];
        Attend(projection, attended);

        float[] middle = _outputProjection.Forward(attended);
        TensorPrimitives.Add(middle, input, middle);

        float[] hidden = _hidden.Forward(_hiddenNorm.Forward(middle));
        Swish(hidden);
        float[] output = _reduce.Forward(hidden);
        TensorPrimitives.Add(output, middle, output);
        return output;
    }

    /// <summary>
    /// Attention over strided views: the heads of the result land side by side in <paramref name="attended"/>
    /// <c>[length, heads * headSize]</c>, as the next projection wants them.
    /// </summary>
    internal static void Attend(PackedProjection projection, float[] attended)
    {
        TensorSpan<float> output = new(
            attended,
            [1, projection.Heads, projection.Length, projection.HeadSize],
            [0, projection.HeadSize, projection.Heads * projection.HeadSize, 1]);
        ScaledDotProductAttention.Forward(projection.Query, projection.Key, projection.Value, output);
    }

    /// <summary>The attention weights <c>[heads, length, length]</c>.</summary>
    internal static float[] Weights(PackedProjection projection)
    {
        int length = projection.Length;
        float[] weights = new float[projection.Heads * length * length];
        TensorSpan<float> destination = new(weights, [1, projection.Heads, length, length]);
        ScaledDotProductAttention.Weights(projection.Query, projection.Key, default(NoMask), destination);
        return weights;
    }

    private static void Swish(Span<float> values)
    {
        float[] gates = new float[values.Length];
        TensorPrimitives.Sigmoid(values, gates);
        TensorPrimitives.Multiply(values, gates, values);
    }
}
