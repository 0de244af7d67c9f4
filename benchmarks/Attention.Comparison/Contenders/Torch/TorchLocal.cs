using Attention.Comparison.Work;
using static TorchSharp.torch;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>
/// Luong's local-p attention over gathered windows, each query's keys and values in memory of their own: what a libtorch user
/// writes who does not want to compute all pairs.
/// </summary>
internal sealed class TorchLocal : TorchComposition
{
    private readonly LocalTask _task;
    private readonly Tensor _offsets;

    internal TorchLocal(LocalTask task, bool isTraining, int threads)
        : base(task, isTraining, threads)
    {
        _task = task;
        _offsets = arange(-task.HalfWidth, task.HalfWidth + 1, dtype: ScalarType.Float32);
    }

    /// <inheritdoc/>
    public override string Name => "index_select, bmm, softmax, exp, bmm";

    /// <inheritdoc/>
    protected override Tensor Forward()
    {
        Tensor position = Inputs[3].view(-1, 1);
        Tensor keys = position.detach().floor() + _offsets;
        Tensor isOutside = keys.lt(0).logical_or(keys.gt(_task.Length - 1));
        Tensor rows = keys.clamp(0, _task.Length - 1).to(ScalarType.Int64).flatten();
        Tensor scores = Gather(Inputs[1], rows).bmm(Inputs[0].view(-1, _task.Size, 1)).squeeze(-1);
        Tensor weights = scores.masked_fill(isOutside, float.NegativeInfinity).softmax(-1);

        // sigma is half the half width.
        Tensor factors = (keys - position).square().mul(-2.0 / (_task.HalfWidth * _task.HalfWidth)).exp();
        return (weights * factors).unsqueeze(1).bmm(Gather(Inputs[2], rows)).view(1, 1, _task.Length, _task.Size);
    }

    /// <inheritdoc/>
    protected override void DisposeModule() => _offsets.Dispose();

    private Tensor Gather(Tensor source, Tensor rows) =>
        source.view(_task.Length, _task.Size).index_select(0, rows).view(_task.Length, -1, _task.Size);
}
