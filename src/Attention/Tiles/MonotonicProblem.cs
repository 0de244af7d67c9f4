namespace Attention.Tiles;

/// <summary>Monotonic attention as the kernels see it: [batch, head, query, key], keys side by side.</summary>
internal struct MonotonicProblem
{
    internal int Batch;
    internal int Heads;
    internal int QueryLength;
    internal int KeyLength;

    /// <summary>Keys of a chunk.</summary>
    internal int ChunkWidth;

    /// <summary>The energies of stopping, or those of chunks.</summary>
    internal Operand Energies;

    /// <summary>Written by the forward pass of the alignment, read by all others.</summary>
    internal Operand Alignment;

    /// <summary>The weights within chunks, or absent.</summary>
    internal Operand Weights;

    /// <summary>The gradient of what the forward pass wrote.</summary>
    internal Operand Gradient;

    /// <summary>Overwritten by the backward pass; absent if not wanted.</summary>
    internal Operand EnergyGradient;
    internal Operand AlignmentGradient;

    internal readonly double Work => (double)Batch * Heads * QueryLength * KeyLength;
}
