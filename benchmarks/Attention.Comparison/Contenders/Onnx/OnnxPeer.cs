using Attention.Comparison.Work;
using Microsoft.ML.OnnxRuntime;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>ONNX Runtime, with whichever of its attention operators is fastest for the work.</summary>
internal sealed class OnnxPeer : IPeer
{
    /// <inheritdoc/>
    public string Name => "ONNX Runtime";

    /// <inheritdoc/>
    public string Version => Unavailable is null ? OrtEnv.Instance().GetVersionString() : "(does not load)";

    /// <inheritdoc/>
    public string? Unavailable { get; } = Load();

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Attend(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        if (task.Training || task.Window >= 0)
        {
            yield break;
        }

        yield return () => StandardAttention.Create(data, threads);
        if (task.Heads == task.KeyValueHeads)
        {
            yield return () => MultiHeadAttention.Create(data, threads, keysByHead: false);
            if (!task.Causal)
            {
                yield return () => MultiHeadAttention.Create(data, threads, keysByHead: true);
            }
        }

        if (!task.Bias && (task.Causal || task.QueryLength == 1))
        {
            yield return () => GroupQueryAttention.Create(data, threads);
        }
    }

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Layer(LayerTask task, bool composed, int threads) => [];

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Multiply(float[] left, float[] right, int size, int threads) => [];

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Additive(AdditiveData data, int threads) => [];

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Compute(TensorTask task, bool isTraining, int threads) => [];

    private static string? Load()
    {
        try
        {
            _ = OrtEnv.Instance();
            return null;
        }
        catch (Exception exception)
            when (exception is TypeInitializationException or DllNotFoundException or OnnxRuntimeException)
        {
            return $"ONNX Runtime does not load ({exception.GetBaseException().Message})";
        }
    }
}
