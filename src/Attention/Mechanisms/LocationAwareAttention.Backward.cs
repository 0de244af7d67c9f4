using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class LocationAwareAttention
{
    /// <summary>
    /// Computes the gradients of all inputs from those of contexts and alignments, back through all steps (unless
    /// <see cref="LocationAwareOptions.StopAlignmentGradient"/>).
    /// </summary>
    /// <typeparam name="TMask">The mask's type; the kernel is compiled for it.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyLength, hiddenSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyLength, valueSize]</c>.</param>
    /// <param name="weights">The weights of the forward pass.</param>
    /// <param name="initialAlignment">As in the forward pass.</param>
    /// <param name="mask">The mask of the forward pass.</param>
    /// <param name="alignments">What the forward pass gave, <c>[batch, queryLength, keyLength]</c>.</param>
    /// <param name="contextGradient">The gradient of the loss by the contexts, <c>[batch, queryLength, valueSize]</c>.</param>
    /// <param name="alignmentGradient">
    /// The gradient of the loss by the alignments as such, a coverage loss for instance, <c>[batch, queryLength, keyLength]</c>;
    /// <c>default</c> for none. Alignments that features are computed from are not part of it.
    /// </param>
    /// <param name="queryGradient">Overwritten, of the query's shape; <c>default</c> if not wanted, as for the following.</param>
    /// <param name="keyGradient">Overwritten, of the key's shape.</param>
    /// <param name="valueGradient">Overwritten, of the value's shape.</param>
    /// <param name="weightGradients">Where the gradients of <paramref name="weights"/> go.</param>
    /// <param name="initialAlignmentGradient">Overwritten, <c>[batch, keyLength]</c>.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    /// <remarks>
    /// From the last step to the first, with h = tanh(q_t + k_j + U f_tj): <c>da_tj = dcontext_t . v_j + dalignment_tj</c> plus what
    /// later features send back; <c>de = sharpness a (da - sum(a da))</c>, times <c>1 - sigmoid(sharpness e)</c> for smoothing;
    /// <c>dz = de w (1 - h^2)</c> is the gradient of q_t and of k_j; <c>df = U^T dz</c>, <c>dU = sum dz f</c>, <c>dw = sum de h</c>, and
    /// the filters correlate df back to c_t.
    /// </remarks>
    public static void Backward<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in LocationWeights weights,
        in ReadOnlyTensorSpan<float> initialAlignment, in TMask mask, in ReadOnlyTensorSpan<float> alignments,
        in ReadOnlyTensorSpan<float> contextGradient, in ReadOnlyTensorSpan<float> alignmentGradient, in TensorSpan<float> queryGradient = default,
        in TensorSpan<float> keyGradient = default, in TensorSpan<float> valueGradient = default,
        in LocationWeightGradients weightGradients = default, in TensorSpan<float> initialAlignmentGradient = default,
        in LocationAwareOptions options = default)
        where TMask : struct, IAttentionMask
    {
        LocationProblem forward = LocationCheck.Inputs(query, key, value, weights, initialAlignment, mask, options);
        forward.Alignments = LocationCheck.Alignments(forward, alignments, nameof(alignments));
        LocationGradientProblem problem = new()
        {
            Forward = forward,
            ContextGradient = LocationCheck.Context(forward, contextGradient, nameof(contextGradient)),
            AlignmentGradient = LocationCheck.Gradient(alignments, alignmentGradient, nameof(alignmentGradient), "the shape of 'alignments'"),
            QueryGradient = LocationCheck.Gradient(query, queryGradient, nameof(queryGradient), "the shape of 'query'"),
            KeyGradient = LocationCheck.Gradient(key, keyGradient, nameof(keyGradient), "the shape of 'key'"),
            ValueGradient = LocationCheck.Gradient(value, valueGradient, nameof(valueGradient), "the shape of 'value'"),
            InitialGradient = LocationCheck.Initial(forward, initialAlignmentGradient, nameof(initialAlignmentGradient)),
            StopsAlignments = options.StopAlignmentGradient,
        };
        LocationCheck.WeightGradients(ref problem, weights, weightGradients, nameof(weightGradients));
        OverlapCheck inputs = new(query, key, value);
        AddWeights(ref inputs, weights);
        inputs.Add(initialAlignment, nameof(initialAlignment));
        inputs.Add(alignments, nameof(alignments));
        inputs.Add(contextGradient, nameof(contextGradient));
        inputs.Add(alignmentGradient, nameof(alignmentGradient));
        scoped OverlapCheck results = default;
        Check(inputs, queryGradient, nameof(queryGradient));
        results.Check(queryGradient, nameof(queryGradient));
        Check(inputs, keyGradient, nameof(keyGradient));
        results.Check(keyGradient, nameof(keyGradient));
        Check(inputs, valueGradient, nameof(valueGradient));
        results.Check(valueGradient, nameof(valueGradient));
        Check(inputs, weightGradients.ScoreVector, nameof(weightGradients));
        results.Check(weightGradients.ScoreVector, nameof(weightGradients));
        Check(inputs, weightGradients.Filters, nameof(weightGradients));
        results.Check(weightGradients.Filters, nameof(weightGradients));
        Check(inputs, weightGradients.Projection, nameof(weightGradients));
        results.Check(weightGradients.Projection, nameof(weightGradients));
        Check(inputs, weightGradients.ScoreBias, nameof(weightGradients));
        results.Check(weightGradients.ScoreBias, nameof(weightGradients));
        Check(inputs, initialAlignmentGradient, nameof(initialAlignmentGradient));
        results.Check(initialAlignmentGradient, nameof(initialAlignmentGradient));

        fixed (float* queryAddress = query, keyAddress = key, valueAddress = value, initialAddress = initialAlignment)
        fixed (float* scoreVectorAddress = weights.ScoreVector, filterAddress = weights.Filters, projectionAddress = weights.Projection)
        fixed (float* scoreBiasAddress = weights.ScoreBias, contextAddress = contextGradient, alignmentAddress = alignments)
        fixed (float* alignmentGradientAddress = alignmentGradient, queryGradientAddress = queryGradient, keyGradientAddress = keyGradient)
        fixed (float* valueGradientAddress = valueGradient, initialGradientAddress = initialAlignmentGradient)
        fixed (float* scoreVectorGradientAddress = weightGradients.ScoreVector, filterGradientAddress = weightGradients.Filters)
        fixed (float* projectionGradientAddress = weightGradients.Projection, scoreBiasGradientAddress = weightGradients.ScoreBias)
        {
            problem.Forward.Query.Address = queryAddress;
            problem.Forward.Key.Address = keyAddress;
            problem.Forward.Value.Address = valueAddress;
            problem.Forward.Initial.Address = initialAddress;
            problem.Forward.ScoreVector = scoreVectorAddress;
            problem.Forward.Filters = filterAddress;
            problem.Forward.Projection = projectionAddress;
            problem.Forward.ScoreBias = scoreBiasAddress;
            problem.Forward.Alignments.Address = alignmentAddress;
            problem.ContextGradient.Address = contextAddress;
            problem.AlignmentGradient.Address = alignmentGradientAddress;
            problem.QueryGradient.Address = queryGradientAddress;
            problem.KeyGradient.Address = keyGradientAddress;
            problem.ValueGradient.Address = valueGradientAddress;
            problem.InitialGradient.Address = initialGradientAddress;
            problem.ScoreVectorGradient = scoreVectorGradientAddress;
            problem.FilterGradient = filterGradientAddress;
            problem.ProjectionGradient = projectionGradientAddress;
            problem.ScoreBiasGradient = scoreBiasGradientAddress;
            LocationPass.Backward(problem, mask, options.Width, options.MaxDegreeOfParallelism);
        }
    }

    /// <summary>By value: what a result is checked against holds as many operands as there are inputs, and one more.</summary>
    [StackTraceHidden]
    private static void Check(scoped OverlapCheck inputs, in ReadOnlyTensorSpan<float> result, string name) => inputs.Check(result, name);
}
