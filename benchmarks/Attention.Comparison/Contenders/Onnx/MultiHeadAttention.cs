using Attention.Comparison.Work;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>com.microsoft MultiHeadAttention: positions before heads, keys and values either way.</summary>
internal static class MultiHeadAttention
{
    internal static OnnxContender Create(AttentionData data, int threads, bool keysByHead)
    {
        AttentionTask task = data.Task;
        (int batch, int heads, int queryLength, int keyLength, int size) =
            (task.Batch, task.Heads, task.QueryLength, task.KeyLength, task.Size);
        long[] queryShape = [batch, queryLength, heads * size];
        OnnxTensor?[] inputs =
        [
            OnnxTensor.Floats("query", HeadOrder.Behind(data.Query, batch, heads, queryLength, size), queryShape),
            Keys("key", data.Key),
            Keys("value", data.Value),
            null,
            null,
            task.Bias ? OnnxTensor.Floats("attention_bias", data.Bias, 1, heads, queryLength, keyLength) : null,
        ];
        OnnxTensor[] outputs = [OnnxTensor.Room("output", queryShape)];
        byte[] model = OnnxModel.Create(
            OnnxModel.MicrosoftDomain,
            "MultiHeadAttention",
            [("num_heads", heads), ("unidirectional", task.Causal ? 1 : 0)],
            inputs,
            outputs);
        string name = keysByHead ? "MultiHeadAttention, keys by head" : "MultiHeadAttention";
        return new OnnxContender(
            name, model, inputs, outputs, output => HeadOrder.Before(output, batch, heads, queryLength, size), threads);

        OnnxTensor Keys(string tensor, float[] numbers) => keysByHead
            ? OnnxTensor.Floats(tensor, numbers, batch, heads, keyLength, size)
            : OnnxTensor.Floats(tensor, HeadOrder.Behind(numbers, batch, heads, keyLength, size), batch, keyLength, heads * size);
    }
}
