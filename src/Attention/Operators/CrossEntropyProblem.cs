namespace Attention.Operators;

/// <summary>The checked arguments of a cross entropy.</summary>
internal unsafe struct CrossEntropyProblem
{
    internal float* Logits;
    internal nint LogitsStride;
    internal int* Targets;

    /// <summary>The losses forward, their gradients backward.</summary>
    internal float* Losses;
    internal float* Gradient;
    internal nint GradientStride;
    internal nint Rows;
    internal nint Classes;

    /// <summary>What the target has of the labels besides its share as a class.</summary>
    internal float TargetShare;

    /// <summary>What each class has, the target included.</summary>
    internal float ClassShare;
    internal float Beta;
}
