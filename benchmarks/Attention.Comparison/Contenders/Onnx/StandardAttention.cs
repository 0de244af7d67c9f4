using Attention.Comparison.Work;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>The standard's own operator, ai.onnx Attention of operator set 23: heads before positions.</summary>
internal static class StandardAttention
{
    internal static OnnxContender Create(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        long[] queryShape = [task.Batch, task.Heads, task.QueryLength, task.Size];
        long[] keyShape = [task.Batch, task.KeyValueHeads, task.KeyLength, task.Size];
        OnnxTensor?[] inputs =
        [
            OnnxTensor.Floats("Q", data.Query, queryShape),
            OnnxTensor.Floats("K", data.Key, keyShape),
            OnnxTensor.Floats("V", data.Value, keyShape),
            task.Bias ? OnnxTensor.Floats("attn_mask", data.Bias, 1, task.Heads, task.QueryLength, task.KeyLength) : null,
        ];
        OnnxTensor[] outputs = [OnnxTensor.Room("Y", queryShape)];
        byte[] model = OnnxModel.Create(string.Empty, "Attention", [("is_causal", task.Causal ? 1 : 0)], inputs, outputs);
        return new OnnxContender("Attention-23", model, inputs, outputs, output => output, threads);
    }
}
