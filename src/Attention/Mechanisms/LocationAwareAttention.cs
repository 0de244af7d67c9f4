using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Additive attention that knows where it attended before (Chorowski et al. 2015, "Attention-Based Models for Speech Recognition",
/// equations 5 to 11): with c_t the alignment before step t, or the sum of all before it,
/// <c>f_t = F * c_t</c>, <c>e_tj = w . tanh(q_t + k_j + U f_tj) + r</c>, <c>a_t = normalise(e_t)</c>, <c>context_t = sum_j a_tj v_j</c>.
/// </summary>
/// <remarks>
/// <para>
/// One call computes all steps of a batch, the alignment carried from step to step (teacher forcing); a decoder that needs the
/// context before it can ask again calls with one query and passes the alignment on. Both give the same numbers. Queries and
/// keys are projected by the caller; a bias may be part of either.
/// </para>
/// <para>
/// Convolutions are cross-correlations with zeros beyond the ends: <c>f_j = sum_r F_r c[j + r - (width - 1) / 2]</c>, the
/// division rounded down; <see cref="LocationAwareOptions.FlipKernel"/> reads the filters backwards. Without filters f is c itself:
/// with <see cref="LocationSource.AccumulatedAlignments"/> that is the coverage of See et al. 2017, "Get To The Point", equation 11.
/// </para>
/// <para>
/// Masks are asked about head 0. A key that a query may not attend to has alignment 0, whatever it holds, and counts as 0 in
/// the c_t of that query. A query without a key has alignments, context and gradients 0; so does one whose window is empty.
/// </para>
/// <para>
/// Hidden numbers live in registers: nothing of size queryLength x keyLength x hiddenSize exists. Beside the alignments only the
/// backward pass of <see cref="LocationSource.AccumulatedAlignments"/> takes queryLength x keyLength, for their sums. The bits do not depend on the
/// number of threads or on the rest of a batch, and nothing is allocated once the working memory has grown.
/// </para>
/// </remarks>
public static unsafe partial class LocationAwareAttention
{
    /// <summary>Computes contexts and alignments; every query attends to every key.</summary>
    /// <param name="query">The projected queries, <c>[batch, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyLength, hiddenSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyLength, valueSize]</c>.</param>
    /// <param name="weights">Score vector, filters, projection and score bias.</param>
    /// <param name="initialAlignment">What the first step has before it, <c>[batch, keyLength]</c>; <c>default</c> for zeros.</param>
    /// <param name="context">Overwritten, <c>[batch, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="alignments">Overwritten, <c>[batch, queryLength, keyLength]</c>; must not overlap an input.</param>
    /// <param name="options">What features come from, normaliser, window, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in LocationWeights weights,
        in ReadOnlyTensorSpan<float> initialAlignment, in TensorSpan<float> context, in TensorSpan<float> alignments,
        in LocationAwareOptions options = default) =>
        Forward(query, key, value, weights, initialAlignment, default(NoMask), context, alignments, options);

    /// <summary>Computes contexts and alignments over the keys that <paramref name="mask"/> allows.</summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyLength, hiddenSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyLength, valueSize]</c>.</param>
    /// <param name="weights">Score vector, filters, projection and score bias.</param>
    /// <param name="initialAlignment">What the first step has before it, <c>[batch, keyLength]</c>; <c>default</c> for zeros.</param>
    /// <param name="mask">Which keys a query may attend to, <see cref="KeyLengthMask"/> for padding; queries count from 0 in each call.</param>
    /// <param name="context">Overwritten, <c>[batch, queryLength, valueSize]</c>; must not overlap an input.</param>
    /// <param name="alignments">Overwritten, <c>[batch, queryLength, keyLength]</c>; must not overlap an input.</param>
    /// <param name="options">What features come from, normaliser, window, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input; nothing was written.</exception>
    public static void Forward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in LocationWeights weights,
        in ReadOnlyTensorSpan<float> initialAlignment, in TMask mask, in TensorSpan<float> context, in TensorSpan<float> alignments,
        in LocationAwareOptions options = default)
        where TMask : struct, IAttentionMask
    {
        LocationProblem problem = LocationCheck.Inputs(query, key, value, weights, initialAlignment, mask, options);
        problem.Context = LocationCheck.Context(problem, context, nameof(context));
        problem.Alignments = LocationCheck.Alignments(problem, alignments, nameof(alignments));
        OverlapCheck overlap = new(query, key, value);
        AddWeights(ref overlap, weights);
        overlap.Add(initialAlignment, nameof(initialAlignment));
        overlap.Check(context, nameof(context));
        overlap.Check(alignments, nameof(alignments));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, initialAddress = initialAlignment)
        fixed (float* scoreVectorAddress = weights.ScoreVector, filterAddress = weights.Filters, projectionAddress = weights.Projection)
        fixed (float* scoreBiasAddress = weights.ScoreBias, contextAddress = context, alignmentAddress = alignments)
        {
            problem.Query.Address = queryAddress;
            problem.Key.Address = keyAddress;
            problem.Value.Address = valueAddress;
            problem.Initial.Address = initialAddress;
            problem.ScoreVector = scoreVectorAddress;
            problem.Filters = filterAddress;
            problem.Projection = projectionAddress;
            problem.ScoreBias = scoreBiasAddress;
            problem.Context.Address = contextAddress;
            problem.Alignments.Address = alignmentAddress;
            LocationPass.Forward(problem, mask, options.Width, options.MaxDegreeOfParallelism);
        }
    }

    /// <summary>The start of Chorowski et al.'s own implementation: all weight on key 0.</summary>
    /// <param name="initialAlignment">Overwritten, <c>[batch, keyLength]</c>.</param>
    /// <exception cref="ArgumentException">The rank is not 2, or the last axis not contiguous.</exception>
    public static void StartAtFirstKey(in TensorSpan<float> initialAlignment)
    {
        Guard.Layout(initialAlignment, 2, nameof(initialAlignment), "[batch, keyLength]");
        initialAlignment.Clear();
        for (nint batch = 0; batch < initialAlignment.Lengths[0] && initialAlignment.Lengths[1] > 0; batch++)
        {
            initialAlignment[[batch, 0]] = 1f;
        }
    }

    /// <summary>The start of ESPnet: the weight spread evenly over the keys that query 0 may attend to.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="initialAlignment">Overwritten, <c>[batch, keyLength]</c>; zeros where there is no such key.</param>
    /// <exception cref="ArgumentException">The rank is not 2, the last axis not contiguous, or the mask does not fit.</exception>
    public static void StartUniformly<TMask>(in TMask mask, in TensorSpan<float> initialAlignment)
        where TMask : struct, IAttentionMask
    {
        Guard.Layout(initialAlignment, 2, nameof(initialAlignment), "[batch, keyLength]");
        (int batches, int keys) = ((int)initialAlignment.Lengths[0], (int)initialAlignment.Lengths[1]);
        TMask.CheckCall(in mask, batches, 1, 1, keys);
        for (int batch = 0; batch < batches; batch++)
        {
            int count = 0;
            for (int key = 0; key < keys; key++)
            {
                count += mask.Allows(batch, 0, 0, key) ? 1 : 0;
            }

            for (int key = 0; key < keys; key++)
            {
                initialAlignment[[batch, key]] = mask.Allows(batch, 0, 0, key) ? 1f / count : 0f;
            }
        }
    }

    private static void AddWeights(ref OverlapCheck overlap, in LocationWeights weights)
    {
        overlap.Add(weights.ScoreVector, nameof(weights));
        overlap.Add(weights.Filters, nameof(weights));
        overlap.Add(weights.Projection, nameof(weights));
        overlap.Add(weights.ScoreBias, nameof(weights));
    }
}
