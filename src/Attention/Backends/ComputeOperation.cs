namespace Attention.Backends;

/// <summary>The computations of <see cref="IComputeBackend"/>, forward and backward together.</summary>
public enum ComputeOperation
{
    /// <summary>Attention.</summary>
    Attention,

    /// <summary>The weights of attention.</summary>
    AttentionWeights,

    /// <summary>Matrix products and linear layers.</summary>
    MatrixMultiply,

    /// <summary>Sums, products and copies, number by number, and reductions.</summary>
    Elementwise,

    /// <summary>Activation functions.</summary>
    Activation,

    /// <summary>Layer and root-mean-square normalisation.</summary>
    Normalization,

    /// <summary>Rows of a table.</summary>
    Gather,

    /// <summary>Rotary positions.</summary>
    Rotary,

    /// <summary>Dropout.</summary>
    Dropout,

    /// <summary>Cross-entropy.</summary>
    CrossEntropy,

    /// <summary>Steps of an optimiser.</summary>
    Optimizer,
}
