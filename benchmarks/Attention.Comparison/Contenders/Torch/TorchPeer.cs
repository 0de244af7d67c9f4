using Attention.Comparison.Work;
using TorchSharp;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>libtorch, through TorchSharp.</summary>
internal sealed class TorchPeer : IPeer
{
    /// <inheritdoc/>
    public string Name => "libtorch";

    /// <inheritdoc/>
    public string Version => Unavailable is null ? $"{torch.__version__} through TorchSharp" : "(does not load)";

    /// <inheritdoc/>
    public string? Unavailable { get; } = TorchLibrary.Load();

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Attend(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        if (task.Window >= 0)
        {
            yield break;
        }

        if (task.Training)
        {
            yield return () => new TorchTraining(data, threads);
        }
        else
        {
            yield return () => new TorchForward(data, threads);
        }
    }

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Layer(LayerTask task, bool composed, int threads) =>
        [() => composed ? new TorchComposedLayer(task, threads) : new TorchModule(task, threads)];

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Multiply(float[] left, float[] right, int size, int threads) =>
        [() => new TorchMultiply(left, right, size, threads)];

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Additive(AdditiveData data, int threads) => [() => new TorchAdditive(data, threads)];

    /// <inheritdoc/>
    public IEnumerable<Func<IContender>> Compute(TensorTask task, bool isTraining, int threads)
    {
        yield return () => task switch
        {
            LuongTask luong => new TorchLuong(luong, isTraining, threads),
            LocalTask local => new TorchLocal(local, isTraining, threads),
            LocationAwareTask location => new TorchLocationAware(location, isTraining, threads),
            NormalizedTask normalized => new TorchNormalized(normalized, sortsForSupport: false, isTraining, threads),
            MonotonicTask monotonic => new TorchMonotonic(monotonic, isTraining, threads),
            RecurrentTask recurrent => new TorchRecurrent(recurrent, isTraining, threads),
            _ => throw new NotSupportedException($"no composition for {task.GetType().Name}"),
        };
        if (task is NormalizedTask again && isTraining)
        {
            yield return () => new TorchNormalized(again, sortsForSupport: true, isTraining, threads);
        }
    }

    /// <summary>These settings are the whole process's, so each contender sets its own again before its turn.</summary>
    internal static void Use(int threads, bool gradients)
    {
        torch.set_num_threads(threads);
        torch.set_grad_enabled(gradients);
    }
}
