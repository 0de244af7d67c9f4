namespace Attention.Backends;

/// <summary>What a backend is asked about.</summary>
/// <param name="Operation">The computation.</param>
/// <param name="Mask">For attention, the type of the mask.</param>
/// <param name="Modifier">For attention, the type of the modifier.</param>
/// <param name="HeadSize">For attention, the head size.</param>
/// <param name="ValueSize">For attention, the value size.</param>
public readonly record struct ComputeRequest(
    ComputeOperation Operation, Type? Mask = null, Type? Modifier = null, int HeadSize = 0, int ValueSize = 0);
