using System.Buffers;
using System.Numerics.Tensors;
using Attention.Caching;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Benchmarks.Setup;

/// <summary>A sequence of tokens, a cache to store them in, and calls of the library on both.</summary>
internal sealed class CacheProblem : IDisposable
{
    private const int PageTokens = 16;

    private readonly AttentionProblem<float> _problem;
    private readonly KvCache _cache;
    private readonly int[] _sequences;
    private readonly nint[] _queryLengths;
    private readonly nint[] _keyLengths;
    private readonly nint[] _valueLengths;
    private readonly nint[] _outputLengths;
    private readonly float[] _output;

    private CacheProblem(AttentionShape shape, CacheKind kind, KvStorage storage)
    {
        int offset = shape.KeyLength - shape.QueryLength;
        _problem = AttentionProblems.Random(shape) with { Mask = (_, _, query, key) => key <= query + offset };
        KvCacheOptions options = new()
        {
            KeyValueHeads = shape.KeyValueHeads,
            HeadSize = shape.HeadSize,
            ValueSize = shape.ValueSize,
            Storage = storage,
        };
        _cache = kind switch
        {
            CacheKind.Contiguous => new ContiguousKvCache(options, shape.KeyLength),
            CacheKind.Rolling => new RollingKvCache(options, new KeyWindow { Size = shape.KeyLength }, rollback: shape.KeyLength),
            _ => new PagedKvCache(options, (shape.KeyLength / PageTokens) + 1, PageTokens),
        };
        _sequences = [_cache.Add()];
        _queryLengths = shape.QueryLengths;
        _keyLengths = shape.KeyLengths;
        _valueLengths = shape.ValueLengths;
        _outputLengths = shape.OutputLengths;
        _output = new float[shape.OutputCount];
    }

    /// <summary>The last queries of a sequence, as many as the shape has, and all of its keys.</summary>
    internal static CacheProblem Create(AttentionShape shape, CacheKind kind, KvStorage storage) => new(shape, kind, storage);

    /// <summary>Stores all keys and values.</summary>
    internal void Append() => _cache.Append(
        _sequences, new ReadOnlyTensorSpan<float>(_problem.Key, _keyLengths), new ReadOnlyTensorSpan<float>(_problem.Value, _valueLengths));

    /// <summary>Forgets them.</summary>
    internal void Clear() => _cache.Trim(_sequences[0], 0);

    /// <summary>Lets the queries attend to what is stored.</summary>
    internal void Attend() => CachedAttention.Forward(
        _cache, _sequences, new ReadOnlyTensorSpan<float>(_problem.Query, _queryLengths), new TensorSpan<float>(_output, _outputLengths));

    /// <summary>Stores and attends chunk by chunk, as a long prompt is read; needs as many queries as keys.</summary>
    internal void Prefill(int chunk)
    {
        for (int start = 0; start < _problem.Shape.KeyLength; start += chunk)
        {
            int length = Math.Min(chunk, _problem.Shape.KeyLength - start);
            _cache.Append(
                _sequences,
                Tokens(new ReadOnlyTensorSpan<float>(_problem.Key, _keyLengths), start, length),
                Tokens(new ReadOnlyTensorSpan<float>(_problem.Value, _valueLengths), start, length));
            CachedAttention.Forward(
                _cache,
                _sequences,
                Tokens(new ReadOnlyTensorSpan<float>(_problem.Query, _queryLengths), start, length),
                new TensorSpan<float>(_output, _outputLengths).Slice(NRange.All, NRange.All, start..(start + length), NRange.All));
        }
    }

    /// <summary>Throws unless the output is as good as a plain loop's over what the storage makes of keys and values.</summary>
    internal void RequireOutput()
    {
        WidthConfig.RequireWidth();
        AttentionProblem<double> stored = StoredNumbers.Of(_problem, _cache.Storage);
        AttentionResult<double> reference = ReferenceAttention.Forward(stored);
        AttentionResult<float> plain = FloatLoopAttention.Forward(stored.To<float>());
        Tolerance.Mechanism("output", _output, reference.Output, plain.Output, reference.Sensitivity.Output, _problem.Shape.RowCount);
    }

    public void Dispose() => _cache.Dispose();

    private static ReadOnlyTensorSpan<float> Tokens(in ReadOnlyTensorSpan<float> tensor, int start, int length) =>
        tensor.Slice(NRange.All, NRange.All, start..(start + length), NRange.All);
}
