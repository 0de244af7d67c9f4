using System.Numerics;

namespace Attention.TestKit;

/// <summary>A problem of location-aware attention: inputs, weights, gradients of the results, and what the call chooses.</summary>
public sealed record LocationAwareProblem<T>(int Batch, int QueryLength, int KeyLength, int HiddenSize, int ValueSize, int Features, int Width)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public required T[] Query { get; init; }

    public required T[] Key { get; init; }

    public required T[] Value { get; init; }

    public required T[] ScoreVector { get; init; }

    /// <summary>[features, width]; null for the alignment itself as the one feature.</summary>
    public T[]? Filters { get; init; }

    /// <summary>[hiddenSize, features].</summary>
    public required T[] Projection { get; init; }

    public T[]? ScoreBias { get; init; }

    /// <summary>[batch, keyLength]; null for zeros.</summary>
    public T[]? Initial { get; init; }

    public T[]? ContextGradient { get; init; }

    public T[]? AlignmentGradient { get; init; }

    /// <summary>By batch, query and key; null for all.</summary>
    public Func<int, int, int, bool>? Mask { get; init; }

    public double Sharpness { get; init; } = 1;

    public bool IsSigmoid { get; init; }

    public bool IsAccumulated { get; init; }

    public bool IsFlipped { get; init; }

    public bool StopsAlignments { get; init; }

    public bool HasWindow { get; init; }

    public bool IsMedian { get; init; }

    public double Before { get; init; }

    public double After { get; init; }

    public LocationAwareProblem<TOther> To<TOther>()
        where TOther : unmanaged, IFloatingPointIeee754<TOther> => new(Batch, QueryLength, KeyLength, HiddenSize, ValueSize, Features, Width)
        {
            Query = Convert<TOther>(Query)!,
            Key = Convert<TOther>(Key)!,
            Value = Convert<TOther>(Value)!,
            ScoreVector = Convert<TOther>(ScoreVector)!,
            Filters = Convert<TOther>(Filters),
            Projection = Convert<TOther>(Projection)!,
            ScoreBias = Convert<TOther>(ScoreBias),
            Initial = Convert<TOther>(Initial),
            ContextGradient = Convert<TOther>(ContextGradient),
            AlignmentGradient = Convert<TOther>(AlignmentGradient),
            Mask = Mask,
            Sharpness = Sharpness,
            IsSigmoid = IsSigmoid,
            IsAccumulated = IsAccumulated,
            IsFlipped = IsFlipped,
            StopsAlignments = StopsAlignments,
            HasWindow = HasWindow,
            IsMedian = IsMedian,
            Before = Before,
            After = After,
        };

    private static TOther[]? Convert<TOther>(T[]? source)
        where TOther : unmanaged, IFloatingPointIeee754<TOther> => source is null ? null : Array.ConvertAll(source, TOther.CreateTruncating);
}
