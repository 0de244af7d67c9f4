using System.Numerics.Tensors;
using Attention.Caching;
using Attention.Comparison.Work;
using Attention.Mechanisms;

namespace Attention.Comparison.Contenders.Own;

/// <summary>One query a head over a cache that was filled before.</summary>
internal sealed class OwnCachedDecode : IContender
{
    private const int Page = 16;

    private readonly AttentionData _data;
    private readonly KvCache _cache;
    private readonly AttentionOptions _options;
    private readonly int[] _sequence;
    private readonly float[] _output;
    private readonly nint[] _queryShape;

    /// <param name="data">One batch element and one query.</param>
    /// <param name="storage">How the cache stores.</param>
    /// <param name="paged">Whether it has pages of 16, filled in turn with another sequence's, so that neighbours lie apart.</param>
    /// <param name="threads">How many threads to use.</param>
    internal OwnCachedDecode(AttentionData data, KvStorage storage, bool paged, int threads)
    {
        AttentionTask task = data.Task;
        _data = data;
        _options = new AttentionOptions { MaxDegreeOfParallelism = threads };
        _output = new float[task.QueryCount];
        _queryShape = [1, task.Heads, 1, task.Size];
        var options = new KvCacheOptions { KeyValueHeads = task.KeyValueHeads, HeadSize = task.Size, ValueSize = task.Size, Storage = storage };
        _cache = paged ? new PagedKvCache(options, 2 * task.KeyLength / Page + 2, Page) : new ContiguousKvCache(options, task.KeyLength);
        _sequence = [_cache.Add()];
        int[] shuffle = paged ? [_cache.Add()] : [];
        int step = paged ? Page : task.KeyLength;
        for (int start = 0; start < task.KeyLength; start += step)
        {
            Append(start, step, _sequence);
            if (paged)
            {
                Append(start, step, shuffle);
            }
        }
    }

    /// <inheritdoc/>
    public string Name => $"{_cache.GetType().Name}, {_cache.Storage}";

    /// <summary>Bytes that one run reads.</summary>
    internal double Bytes => _cache.BytesPerToken * _data.Task.KeyLength;

    /// <inheritdoc/>
    public void Prepare()
    {
    }

    /// <inheritdoc/>
    public void Run() => CachedAttention.Forward(
        _cache, _sequence, new ReadOnlyTensorSpan<float>(_data.Query, _queryShape), new TensorSpan<float>(_output, _queryShape), _options);

    /// <inheritdoc/>
    public float[] Result() => _output;

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private void Append(int start, int count, int[] sequence)
    {
        AttentionTask task = _data.Task;
        nint[] shape = [1, task.KeyValueHeads, count, task.Size];
        nint[] strides = [0, (nint)task.KeyLength * task.Size, task.Size, 1];
        _cache.Append(
            sequence,
            new ReadOnlyTensorSpan<float>(_data.Key.AsSpan(start * task.Size), shape, strides),
            new ReadOnlyTensorSpan<float>(_data.Value.AsSpan(start * task.Size), shape, strides));
    }
}
