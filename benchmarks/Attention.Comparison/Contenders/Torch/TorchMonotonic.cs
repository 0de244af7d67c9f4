using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>
/// The soft alignment as libtorch's users compose it (Raffel et al. 2017, equation 10): products of all keys before, and a sum of
/// quotients by them. The products run to zero, so that the divisor is clamped.
/// </summary>
internal sealed class TorchMonotonic : TorchComposition
{
    private const double Least = 1e-10;

    private readonly MonotonicTask _task;
    private readonly Tensor _start;
    private readonly Tensor _ones;

    internal TorchMonotonic(MonotonicTask task, bool isTraining, int threads)
        : base(task, isTraining, threads)
    {
        _task = task;
        _ones = ones(task.Batch, task.Queries, 1);
        _start = zeros(task.Batch, task.Keys);
        _start.narrow(1, 0, 1).fill_(1);
    }

    /// <inheritdoc/>
    public override string Name => "cumprod, then a loop of clamp, div, cumsum, mul";

    /// <inheritdoc/>
    protected override Tensor Forward()
    {
        Tensor stops = Inputs[0].view(_task.Batch, _task.Queries, _task.Keys).sigmoid();
        Tensor passes = cat([_ones, 1 - stops.narrow(2, 0, _task.Keys - 1)], 2).cumprod(2);
        Tensor divisors = passes.clamp(Least, 1);
        Tensor factors = stops * passes;
        Tensor[] factor = factors.unbind(1);
        Tensor[] divisor = divisors.unbind(1);
        var alignments = new Tensor[_task.Queries];
        Tensor previous = _start;
        for (int query = 0; query < alignments.Length; query++)
        {
            previous = factor[query] * (previous / divisor[query]).cumsum(1);
            alignments[query] = previous;
        }

        return stack(alignments, 1).view(_task.Batch, 1, _task.Queries, _task.Keys);
    }

    /// <inheritdoc/>
    protected override void DisposeModule()
    {
        _start.Dispose();
        _ones.Dispose();
    }
}
