using Attention.TestKit;

namespace Attention.Comparison.Work;

/// <summary>The soft alignment of monotonic attention. Input: the energies, <c>[batch, 1, queries, keys]</c>.</summary>
internal sealed class MonotonicTask(int batch, int queries, int keys) : TensorTask
{
    private const float Before = -6;
    private const float Behind = 2;

    internal int Batch => batch;

    internal int Queries => queries;

    internal int Keys => keys;

    /// <inheritdoc/>
    protected override nint[] OutputLengths => [batch, 1, queries, keys];

    /// <summary>What the recursion over keys multiplies and adds, there and back; logistic functions are not counted.</summary>
    internal override double Operations(bool isTraining) => (isTraining ? 11.0 : 3.0) * batch * queries * keys;

    // A trained alignment: the scan passes what lies before the diagonal and stops soon behind it. Elsewhere the peers' form,
    // which divides by products of many probabilities, does not give the alignment at all.
    /// <inheritdoc/>
    protected override TaskTensor[] CreateInputs()
    {
        float[] energies = AttentionProblems.Normal(new Random(1), batch * queries * keys);
        for (int i = 0; i < energies.Length; i++)
        {
            (int query, int key) = (i / keys % queries, i % keys);
            energies[i] += key * queries < query * keys ? Before : Behind;
        }

        return [new TaskTensor(energies, batch, 1, queries, keys)];
    }
}
