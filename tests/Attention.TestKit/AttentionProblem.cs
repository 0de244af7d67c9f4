using System.Numerics;

namespace Attention.TestKit;

/// <summary>Whether a query may attend to a key.</summary>
public delegate bool ReferenceMask(int batch, int head, int query, int key);

/// <summary>What dropout multiplies a weight by: 0, or 1 / (1 - p).</summary>
public delegate float ReferenceKeepFactor(int batch, int head, int query, int key);

/// <summary>Everything that goes into attention, forward and backward, as row-major arrays of one precision.</summary>
public sealed record AttentionProblem<T>(AttentionShape Shape)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public required T[] Query { get; init; }

    public required T[] Key { get; init; }

    public required T[] Value { get; init; }

    /// <summary>Null means <c>1 / sqrt(headSize)</c>.</summary>
    public T? Scale { get; init; }

    public ReferenceMask? Mask { get; init; }

    public ReferenceModifier? Modifier { get; init; }

    /// <summary>Of shape <see cref="BiasShape"/>; null means none.</summary>
    public T[]? Bias { get; init; }

    /// <summary>Four axes as of the scores; those that are 1 are broadcast.</summary>
    public int[] BiasShape { get; init; } = [1, 1, 1, 1];

    /// <summary>One for each head; null means none.</summary>
    public T[]? SinkLogits { get; init; }

    public ReferenceKeepFactor? KeepFactor { get; init; }

    /// <summary>The gradient of the output; needed for backward only.</summary>
    public T[]? OutputGradient { get; init; }

    /// <summary>The gradient of the log-sum-exp; null means zero.</summary>
    public T[]? LogSumExpGradient { get; init; }

    /// <summary>The factor on the scores, as this precision rounds it.</summary>
    public T ScaleOrDefault => Scale ?? (T.One / T.Sqrt(T.CreateChecked(Shape.HeadSize)));

    /// <summary>Where the bias of a pair stands in <see cref="Bias"/>.</summary>
    public int BiasIndex(int batch, int head, int query, int key)
    {
        int[] shape = BiasShape;
        int index = shape[0] == 1 ? 0 : batch;
        index = (index * shape[1]) + (shape[1] == 1 ? 0 : head);
        index = (index * shape[2]) + (shape[2] == 1 ? 0 : query);
        return (index * shape[3]) + (shape[3] == 1 ? 0 : key);
    }

    /// <summary>The same problem in another precision.</summary>
    public AttentionProblem<TOther> To<TOther>()
        where TOther : unmanaged, IFloatingPointIeee754<TOther> => new(Shape)
        {
            Query = Convert<TOther>(Query),
            Key = Convert<TOther>(Key),
            Value = Convert<TOther>(Value),
            Scale = Scale is T scale ? TOther.CreateTruncating(scale) : null,
            Mask = Mask,
            Modifier = Modifier,
            Bias = Bias is null ? null : Convert<TOther>(Bias),
            BiasShape = BiasShape,
            SinkLogits = SinkLogits is null ? null : Convert<TOther>(SinkLogits),
            KeepFactor = KeepFactor,
            OutputGradient = OutputGradient is null ? null : Convert<TOther>(OutputGradient),
            LogSumExpGradient = LogSumExpGradient is null ? null : Convert<TOther>(LogSumExpGradient),
        };

    private static TOther[] Convert<TOther>(T[] source)
        where TOther : unmanaged, IFloatingPointIeee754<TOther> => Array.ConvertAll(source, TOther.CreateTruncating);
}
