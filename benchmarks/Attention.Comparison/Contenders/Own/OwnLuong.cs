using Attention.Autodiff;
using Attention.Comparison.Work;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>What the library's Luong layer runs up to the context: the projection of target states, then fused attention.</summary>
internal sealed class OwnLuong(LuongTask task, bool isTraining, int threads) : OwnComposition(task, isTraining, threads)
{
    // Luong's scores are not scaled.
    private readonly AttentionOptions _options = new() { Scale = 1 };
    private readonly int[] _lengths = [.. Enumerable.Repeat(task.Length, task.Batch)];

    /// <inheritdoc/>
    public override string Name => "Linear, Attention";

    /// <inheritdoc/>
    protected override Variable Forward(Variable[] inputs)
    {
        using Variable projected = Differentiable.Linear(inputs[0], inputs[2]);
        using Variable queries = projected.Reshape(task.Batch, 1, task.Length, task.Size);
        using Variable states = inputs[1].Reshape(task.Batch, 1, task.Length, task.Size);
        var mask = new KeyLengthMask(_lengths).And(default(NoMask));
        using Variable context = Differentiable.Attention(queries, states, states, mask, default(NoModifier), options: _options);
        return context.Reshape(task.Batch, task.Length, task.Size);
    }
}
