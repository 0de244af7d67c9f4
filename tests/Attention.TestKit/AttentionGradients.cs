using System.Numerics;

namespace Attention.TestKit;

/// <summary>The gradients of every input of attention, row-major.</summary>
public sealed class AttentionGradients<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public AttentionGradients(AttentionProblem<T> problem)
    {
        Query = new T[problem.Query.Length];
        Key = new T[problem.Key.Length];
        Value = new T[problem.Value.Length];
        Bias = new T[problem.Bias?.Length ?? 0];
        SinkLogits = new T[problem.SinkLogits?.Length ?? 0];
    }

    public T[] Query { get; }

    public T[] Key { get; }

    public T[] Value { get; }

    public T[] Bias { get; }

    public T[] SinkLogits { get; }

    /// <summary>The gradient of the scale.</summary>
    public T Scale { get; set; }

    /// <summary>How much rounding may move each tensor, in units of the precision.</summary>
    public Sensitivity Sensitivity { get; } = new();
}
