using Attention.Comparison.Work;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>com.microsoft GroupQueryAttention: causal, with a cache of keys and values that it extends in place.</summary>
internal static class GroupQueryAttention
{
    /// <summary>
    /// Equal lengths are a prompt, with an empty cache. Otherwise the last keys are the new ones and the rest is already
    /// in the cache, whose memory is both input and output, so that nothing is copied.
    /// </summary>
    internal static OnnxContender Create(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        (int batch, int heads, int groups, int queryLength, int keyLength, int size) =
            (task.Batch, task.Heads, task.KeyValueHeads, task.QueryLength, task.KeyLength, task.Size);
        long[] queryShape = [batch, queryLength, heads * size];
        long[] newShape = [batch, queryLength, groups * size];
        long[] cacheShape = [batch, groups, keyLength, size];
        OnnxTensor keyCache = OnnxTensor.Floats("past_key", [.. data.Key], cacheShape);
        OnnxTensor valueCache = OnnxTensor.Floats("past_value", [.. data.Value], cacheShape);
        OnnxTensor?[] inputs =
        [
            OnnxTensor.Floats("query", HeadOrder.Behind(data.Query, batch, heads, queryLength, size), queryShape),
            OnnxTensor.Floats("key", New(data.Key), newShape),
            OnnxTensor.Floats("value", New(data.Value), newShape),
            keyCache,
            valueCache,
            OnnxTensor.Integers("seqlens_k", [.. Enumerable.Repeat(keyLength - 1, batch)], batch),
            OnnxTensor.Integers("total_sequence_length", [keyLength]),
        ];
        OnnxTensor[] outputs =
        [
            OnnxTensor.Room("output", queryShape),
            keyCache.As("present_key"),
            valueCache.As("present_value"),
        ];
        byte[] model = OnnxModel.Create(
            OnnxModel.MicrosoftDomain, "GroupQueryAttention", [("num_heads", heads), ("kv_num_heads", groups)], inputs, outputs);
        return new OnnxContender(
            "GroupQueryAttention",
            model,
            inputs,
            outputs,
            output => HeadOrder.Before(output, batch, heads, queryLength, size),
            threads);

        // The newest keys of each head, positions before heads.
        float[] New(float[] numbers)
        {
            var newest = new float[batch * groups * queryLength * size];
            for (int row = 0; row < batch * groups; row++)
            {
                int count = queryLength * size;
                numbers.AsSpan((row + 1) * keyLength * size - count, count).CopyTo(newest.AsSpan(row * count));
            }

            return HeadOrder.Behind(newest, batch, groups, queryLength, size);
        }
    }
}
