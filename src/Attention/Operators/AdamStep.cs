namespace Attention.Operators;

/// <summary>The settings of one step of <see cref="OptimizerStep"/>, by the method of Adam.</summary>
/// <param name="LearningRate">How far a step goes, at least 0.</param>
/// <param name="Beta1">What the mean of the gradients keeps from step to step, in [0, 1); usually 0.9.</param>
/// <param name="Beta2">What the mean of their squares keeps, in [0, 1); usually 0.999.</param>
/// <param name="Epsilon">Added to the root of the latter, at least 0; usually 1e-8.</param>
/// <param name="WeightDecay">The decoupled weight decay of AdamW, at least 0: the share, times the learning rate, that a step takes off the parameter.</param>
/// <param name="GradientScale">The factor on the gradient, such as what clips its norm.</param>
/// <param name="Step">The number of the step, from 1.</param>
public readonly record struct AdamStep(
    float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay, float GradientScale, long Step);
