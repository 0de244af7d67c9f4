using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>
/// Attention with sparsemax (Martins and Astudillo 2016, algorithm 1) or 1.5-entmax (Peters et al. 2019, algorithm 2) by sorted
/// rows, as libtorch's users compose it.
/// </summary>
/// <param name="task">What to compute.</param>
/// <param name="sortsForSupport">
/// Whether the sorted row only tells the support, from which the threshold is then computed again: autograd need not go back through
/// the sort.
/// </param>
/// <param name="isTraining">Whether gradients are wanted.</param>
/// <param name="threads">How many threads to use.</param>
internal sealed class TorchNormalized(NormalizedTask task, bool sortsForSupport, bool isTraining, int threads)
    : TorchComposition(task, isTraining, threads)
{
    private readonly Tensor _ranks = arange(1, task.Length + 1, dtype: ScalarType.Float32);

    /// <inheritdoc/>
    public override string Name => sortsForSupport ? "matmul, sort, cumsum without gradients, sums, matmul" : "matmul, sort, cumsum, matmul";

    /// <inheritdoc/>
    protected override Tensor Forward()
    {
        Tensor scores = Inputs[0].matmul(Inputs[1].transpose(-2, -1)) / Math.Sqrt(task.Size);
        Tensor weights = task.IsSparsemax ? Sparsemax(scores) : Entmax(scores);
        return weights.matmul(Inputs[2]);
    }

    /// <inheritdoc/>
    protected override void DisposeModule() => _ranks.Dispose();

    private Tensor Sparsemax(Tensor scores)
    {
        if (!sortsForSupport)
        {
            return (scores - SparsemaxThreshold(scores)).clamp_min(0);
        }

        Tensor support = Support(scores, SparsemaxThreshold);
        Tensor threshold = ((scores * support).sum(-1, keepdim: true) - 1) / support.sum(-1, keepdim: true);
        return (scores - threshold) * support;
    }

    private Tensor SparsemaxThreshold(Tensor scores)
    {
        Tensor sorted = scores.sort(-1, descending: true).Values;
        Tensor sums = sorted.cumsum(-1) - 1;
        Tensor count = (_ranks * sorted > sums).sum(-1, keepdim: true);
        return sums.gather(-1, count - 1) / count;
    }

    private Tensor Entmax(Tensor scores)
    {
        // Halved for alpha 1.5; without the largest, squares stay small.
        Tensor halves = (scores - scores.detach().amax([-1], keepdim: true)) / 2;
        if (!sortsForSupport)
        {
            return (halves - EntmaxThreshold(halves)).clamp_min(0).square();
        }

        Tensor support = Support(halves, EntmaxThreshold);
        Tensor count = support.sum(-1, keepdim: true);
        Tensor mean = (halves * support).sum(-1, keepdim: true) / count;
        Tensor spread = ((halves - mean).square() * support).sum(-1, keepdim: true);
        Tensor threshold = mean - ((1 - spread) / count).clamp_min(0).sqrt();
        return ((halves - threshold) * support).square();
    }

    private Tensor EntmaxThreshold(Tensor halves)
    {
        Tensor sorted = halves.sort(-1, descending: true).Values;
        Tensor mean = sorted.cumsum(-1) / _ranks;
        Tensor spread = _ranks * (sorted.square().cumsum(-1) / _ranks - mean.square());
        Tensor thresholds = mean - ((1 - spread) / _ranks).clamp_min(0).sqrt();
        Tensor count = (thresholds <= sorted).sum(-1, keepdim: true);
        return thresholds.gather(-1, count - 1);
    }

    private static Tensor Support(Tensor scores, Func<Tensor, Tensor> threshold)
    {
        using IDisposable _ = no_grad();
        return (scores > threshold(scores)).to(ScalarType.Float32);
    }
}
