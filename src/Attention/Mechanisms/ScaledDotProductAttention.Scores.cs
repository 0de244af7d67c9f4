using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class ScaledDotProductAttention
{
    /// <summary>Computes the attention weights <c>softmax(scale query key^T)</c> of every head and query over the keys that the mask allows.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="destination">Overwritten, <c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="options">Scale, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or <paramref name="destination"/> overlaps an input; nothing was written.</exception>
    public static void Weights<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in TMask mask,
        in TensorSpan<float> destination, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask =>
        Scores(query, key, mask, default(NoModifier), default, default, ScoreStage.Weights, [], [], destination, options);

    /// <summary>
    /// Computes scores or weights, all of them or those of chosen heads and queries, without any other memory of size
    /// queryLength x keyLength.
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <typeparam name="TModifier">The modifier's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The queries, <c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling; <see cref="NoModifier"/> for none.</param>
    /// <param name="terms">Bias and sink logits; <c>default</c> for none.</param>
    /// <param name="logSumExp">
    /// What the forward pass gave, <c>[batch, heads, queryLength]</c>: weights are then exp(score - logSumExp), of this part of
    /// the keys in the whole that it stands for. <c>default</c> normalises over these keys and the sink.
    /// </param>
    /// <param name="stage">Which of the numbers on the way to the weights; dropout is never applied.</param>
    /// <param name="heads">The chosen query heads in the order wanted; empty for all.</param>
    /// <param name="queries">The chosen queries in the order wanted; empty for all.</param>
    /// <param name="destination">Overwritten, <c>[batch, heads or chosen ones, queryLength or chosen ones, keyLength]</c>.</param>
    /// <param name="options">Scale, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, index or option is not as said, or <paramref name="destination"/> overlaps an input; nothing was written.</exception>
    public static void Scores<TMask, TModifier>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key,
        in TMask mask, in TModifier modifier, in ScoreTerms terms, in ReadOnlyTensorSpan<float> logSumExp, ScoreStage stage,
        ReadOnlySpan<int> heads, ReadOnlySpan<int> queries, in TensorSpan<float> destination, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        AttentionProblem problem = AttentionCheck.QueryAndKey(query, key, options);
        problem.Bias = AttentionCheck.Bias(ref problem, terms.Bias, nameof(terms));
        problem.LogSumExp = AttentionCheck.LogSumExp(problem, logSumExp, nameof(logSumExp));
        AttentionCheck.PerHead(problem, terms.SinkLogits.Length, nameof(terms));
        AttentionCheck.Policies(problem, mask, modifier);
        AttentionCheck.Chosen(heads, problem.Heads, nameof(heads));
        AttentionCheck.Chosen(queries, problem.QueryLength, nameof(queries));
        if (stage is < ScoreStage.Raw or > ScoreStage.Weights)
        {
            Throw.OutOfRange(nameof(stage), stage, $"'stage' is {stage}; expected a defined stage.");
        }

        ScoreRequest request = new()
        {
            Stage = stage,
            HeadCount = heads.IsEmpty ? problem.Heads : heads.Length,
            QueryCount = queries.IsEmpty ? problem.QueryLength : queries.Length,
        };
        Guard.Shape(
            destination, [problem.Batch, request.HeadCount, request.QueryCount, problem.KeyLength], nameof(destination),
            "[batch, heads or chosen ones, queryLength or chosen ones, keyLength]");
        Disjoint(destination, nameof(destination), query, key, default, terms);
        Guard.Disjoint(destination, nameof(destination), logSumExp, nameof(logSumExp));

        request.Destination = AttentionCheck.Describe(destination);
        fixed (float* queryAddress = query, keyAddress = key, biasAddress = terms.Bias, logSumExpAddress = logSumExp)
        fixed (float* sinkAddress = terms.SinkLogits, destinationAddress = destination)
        fixed (int* headsAddress = heads, queriesAddress = queries)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Bias.Address = biasAddress;
            problem.LogSumExp.Address = logSumExpAddress;
            problem.SinkLogits = sinkAddress;
            request.Heads = headsAddress;
            request.Queries = queriesAddress;
            request.Destination.Address = destinationAddress;
            ScorePass.Run(problem, mask, modifier, request, options);
        }
    }
}
