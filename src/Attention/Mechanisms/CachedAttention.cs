using System.Numerics.Tensors;
using Attention.Caching;
using Attention.Execution;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Causal attention of new queries over the keys and values of a <see cref="KvCache"/>, read where they lie:
/// <c>output = softmax(scale query key^T) value</c>. Inference only: there is no gradient.
/// </summary>
/// <remarks>
/// <para>
/// First the keys and values of the new tokens are appended, then their queries attend: query t of n, of a sequence that then has
/// L tokens, stands at position L - n + t and sees the keys up to its own position, within the window. A query without any
/// key, such as one of an empty sequence, gives output 0 and log-sum-exp -inf (the sink's logit where there is one).
/// </para>
/// <para>
/// What a query gives depends, to the bit, on its own numbers, its position, the stored keys and values that it sees, and
/// the vector width: a prompt in one call, in parts, and token by token agree, for any kind of cache, size of pages, batch around
/// it and number of threads. What it does not see, NaN included, never reaches it. Nothing is allocated in the steady state.
/// </para>
/// </remarks>
public static unsafe class CachedAttention
{
    private const string QueryShape = "[batch, heads, queryLength, headSize]";
    private const string OutputShape = "[batch, heads, queryLength, valueSize]";
    private const string LogSumExpShape = "[batch, heads, queryLength]";

    /// <summary>Attends to the tokens of some sequences with the queries of their last ones.</summary>
    /// <param name="cache">The cache.</param>
    /// <param name="sequences">The sequences, one for each batch element.</param>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>; the cache's key heads divide the heads.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap the queries.</param>
    /// <param name="options">Scale and threads; there is no dropout.</param>
    /// <exception cref="ArgumentNullException"><paramref name="cache"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said, a sequence is not in the cache, or queries see what the cache has forgotten; nothing was written.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public static void Forward(
        KvCache cache, ReadOnlySpan<int> sequences, in ReadOnlyTensorSpan<float> query, in TensorSpan<float> output,
        in AttentionOptions options = default) =>
        Forward(cache, sequences, query, default, default, default(NoModifier), default, output, default, options);

    /// <summary>Attends with lengths, a window, a modifier and sinks, and gives the log-sum-exp if wanted.</summary>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <param name="cache">The cache.</param>
    /// <param name="sequences">The sequences, one for each batch element.</param>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>; the cache's key heads divide the heads.</param>
    /// <param name="queryLengths">
    /// How many of the queries, from the first on, each batch element has, as its last tokens; empty for all of them. The others give
    /// zeros, and -inf as log-sum-exp.
    /// </param>
    /// <param name="window">What a query sees; <c>default</c> for all that the cache's own window allows.</param>
    /// <param name="modifier">Changes each score after scaling, by positions in the sequence; <see cref="NoModifier"/> for none.</param>
    /// <param name="sinkLogits">One logit a head that takes part in the softmax without a value; empty for none.</param>
    /// <param name="output">Overwritten, <c>[batch, heads, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="logSumExp">Overwritten, <c>[batch, heads, queryLength]</c>, natural logarithm; <c>default</c> if not wanted.</param>
    /// <param name="options">Scale and threads; there is no dropout.</param>
    /// <exception cref="ArgumentNullException"><paramref name="cache"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said, a sequence is not in the cache, or queries see what the cache has forgotten; nothing was written.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public static void Forward<TModifier>(
        KvCache cache, ReadOnlySpan<int> sequences, in ReadOnlyTensorSpan<float> query, ReadOnlySpan<int> queryLengths,
        KeyWindow window, in TModifier modifier, ReadOnlySpan<float> sinkLogits,
        in TensorSpan<float> output, in TensorSpan<float> logSumExp, in AttentionOptions options = default)
        where TModifier : struct, IScoreModifier
    {
        ArgumentNullException.ThrowIfNull(cache);
        CacheProblem problem = Check(cache, sequences, query, queryLengths, output, logSumExp, options);
        SetWindow(ref problem, cache, window);
        if (sinkLogits.Length != 0 && sinkLogits.Length != problem.Heads)
        {
            Throw.Argument(nameof(sinkLogits), $"'{nameof(sinkLogits)}' has {sinkLogits.Length} elements; expected one for each of the {problem.Heads} heads.");
        }

        ReadOnlyTensorSpan<float> sinks = sinkLogits.IsEmpty ? default : new ReadOnlyTensorSpan<float>(sinkLogits);
        Disjoint(output, nameof(output), query, sinks);
        Disjoint(logSumExp, nameof(logSumExp), query, sinks);
        Guard.Disjoint(logSumExp, nameof(logSumExp), output, nameof(output));

        using Scratch.Rental rental = Scratch.Rent((nint)problem.Batch * sizeof(CacheView) / sizeof(float));
        problem.Views = (CacheView*)rental.Memory;
        cache.FillViews(sequences, problem.QueryLength, queryLengths, problem.Views);
        for (int i = 0; i < problem.Batch; i++)
        {
            problem.KeyLength = Math.Max(problem.KeyLength, problem.Views[i].Length);
            CheckForgotten(cache, sequences[i], problem.Views[i], problem.Window);
        }

        TModifier.CheckCall(in modifier, problem.Batch, problem.Heads, problem.KeyLength, problem.KeyLength);
        fixed (float* queryAddress = query, outputAddress = output, logSumExpAddress = logSumExp, sinkAddress = sinkLogits)
        {
            problem.Query.Address = queryAddress;
            problem.Output.Address = outputAddress;
            problem.LogSumExp.Address = logSumExpAddress;
            problem.SinkLogits = sinkAddress;
            CachePass.Run(problem, modifier, options);
        }

        GC.KeepAlive(cache);
    }

    private static CacheProblem Check(
        KvCache cache, ReadOnlySpan<int> sequences, in ReadOnlyTensorSpan<float> query, ReadOnlySpan<int> queryLengths,
        in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp, in AttentionOptions options)
    {
        Guard.Options(options, nameof(options));
        if (options.Dropout != 0)
        {
            Throw.OutOfRange(nameof(options), options.Dropout, $"'{nameof(options.Dropout)}' is {options.Dropout}; attention over a cache has none.");
        }

        Guard.Layout(query, 4, nameof(query), QueryShape);
        nint heads = query.Lengths[1];
        Guard.Shape(query, [sequences.Length, heads, query.Lengths[2], cache.HeadSize], nameof(query), QueryShape);
        if (heads == 0 || heads % cache.KeyValueHeads != 0)
        {
            Throw.Argument(
                nameof(query), $"'{nameof(query)}' has shape {Guard.Text(query.Lengths)}; the cache's {cache.KeyValueHeads} key heads must divide its {heads} heads.");
        }

        CacheCheck.Lengths(queryLengths, sequences.Length, (int)query.Lengths[2], nameof(queryLengths));
        AttentionProblem sizes = new()
        {
            Batch = sequences.Length,
            Heads = (int)heads,
            QueryLength = (int)query.Lengths[2],
            ValueSize = cache.ValueSize,
            Scale = AttentionCheck.ScaleOf(options, cache.HeadSize),
        };
        return new CacheProblem
        {
            Layout = cache.Layout,
            Batch = sizes.Batch,
            Heads = sizes.Heads,
            QueryLength = sizes.QueryLength,
            PositiveScale = sizes.PositiveScale,
            QueryFactor = sizes.QueryFactor,
            Query = AttentionCheck.Describe(query),
            Output = AttentionCheck.Output(sizes, output, nameof(output)),
            LogSumExp = AttentionCheck.LogSumExp(sizes, logSumExp, nameof(logSumExp)),
        };
    }

    /// <summary>The window of the call, which must lie in that of the cache.</summary>
    private static void SetWindow(ref CacheProblem problem, KvCache cache, KeyWindow window)
    {
        KeyWindow own = cache.Window;
        if (window.Size < 0 || window.Kept < 0 || (window.Size == 0 && window.Kept != 0))
        {
            Throw.OutOfRange(nameof(window), window, $"'{nameof(window)}' is {window}; expected no negative number, and a size where first keys are kept.");
        }

        if (window != default && own != default && (window.Size > own.Size || window.Kept > own.Kept))
        {
            Throw.OutOfRange(nameof(window), window, $"'{nameof(window)}' is {window}; the cache keeps no more than {own}.");
        }

        KeyWindow used = window == default ? own : window;
        problem.Window = used.Size;
        problem.Kept = used.Kept;
    }

    /// <summary>The first query of a sequence must not see what is no longer there.</summary>
    private static void CheckForgotten(KvCache cache, int sequence, in CacheView view, int window)
    {
        int position = Math.Max(0, view.Length - view.Count);
        int seen = window == 0 ? 0 : Math.Max(0, position + 1 - window);
        int first = view.Count == 0 ? 0 : cache.FirstPosition(cache.Find(sequence, nameof(sequence)), view.Length);
        if (seen < first)
        {
            Throw.Argument(
                "query",
                $"'query' has {view.Count} queries for sequence {sequence}, of which the first, at position {position}, sees keys from {seen} on; the cache has forgotten those before {first}.");
        }
    }

    private static void Disjoint(
        in ReadOnlyTensorSpan<float> written, string name, in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> sinks)
    {
        Guard.Disjoint(written, name, query, nameof(query));
        Guard.Disjoint(written, name, sinks, "sinkLogits");
    }
}
