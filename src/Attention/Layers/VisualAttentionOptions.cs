namespace Attention.Layers;

/// <summary>What a <see cref="VisualAttentionLayer"/> is made of.</summary>
public sealed record VisualAttentionOptions
{
    /// <summary>Numbers of an annotation, the features of a region.</summary>
    public required int AnnotationSize { get; init; }

    /// <summary>Numbers of the decoder's state.</summary>
    public required int StateSize { get; init; }

    /// <summary>Numbers of the hidden layer in which annotation and state meet.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Whether contexts are multiplied by a gate that the state decides.</summary>
    public bool HasGate { get; init; } = true;

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }
}
