using Attention.Comparison.Work;

namespace Attention.Comparison.Contenders;

/// <summary>A library to compare with.</summary>
internal interface IPeer
{
    /// <summary>Its name.</summary>
    string Name { get; }

    /// <summary>Which one it is.</summary>
    string Version { get; }

    /// <summary>Why it cannot run here at all, or null.</summary>
    string? Unavailable { get; }

    /// <summary>
    /// Every way it has to do the work, of which the fastest counts; none if it cannot do it.
    /// Each is only built when asked for, and may throw.
    /// </summary>
    IEnumerable<Func<IContender>> Attend(AttentionData data, int threads);

    /// <summary>Its own layer of a Transformer, or the same composed of its functions.</summary>
    IEnumerable<Func<IContender>> Layer(LayerTask task, bool composed, int threads);

    /// <summary>Every way it has to multiply two square matrices of that size.</summary>
    IEnumerable<Func<IContender>> Multiply(float[] left, float[] right, int size, int threads);

    /// <summary>Every way it has to do additive attention.</summary>
    IEnumerable<Func<IContender>> Additive(AdditiveData data, int threads);

    /// <summary>Every way it has to compute the task, forward or with all gradients.</summary>
    IEnumerable<Func<IContender>> Compute(TensorTask task, bool isTraining, int threads);
}
