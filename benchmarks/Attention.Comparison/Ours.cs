using Attention.Comparison.Contenders;
using Attention.Comparison.Contenders.Own;
using Attention.Comparison.Users;
using Attention.Comparison.Work;
using Attention.Policies;

namespace Attention.Comparison;

/// <summary>The library's side of every row.</summary>
internal static class Ours
{
    private const float Cap = 5;

    internal static IContender Attend(AttentionData data, int threads) => (data.Task.Training, data.Task.Causal) switch
    {
        (true, false) => new OwnTraining<NoMask>(data, default, threads),
        (true, true) => new OwnTraining<CausalMask>(data, CausalMask.TopLeft, threads),
        (false, false) => Forward(data, default(NoMask), default(NoModifier), threads),
        (false, true) when data.Task.Window < 0 => Forward(data, CausalMask.TopLeft, default(NoModifier), threads),
        (false, true) => Forward(data, new WindowMask(data.Task.Window, 0), default(NoModifier), threads),
    };

    internal static IContender OwnCausal(AttentionData data, int threads) =>
        Forward(data, default(OwnCausalMask), default(NoModifier), threads);

    internal static IContender SoftCap(AttentionData data, int threads) =>
        Forward(data, default(NoMask), new SoftCapModifier(Cap), threads);

    internal static IContender OwnSoftCap(AttentionData data, int threads) =>
        Forward(data, default(NoMask), new OwnSoftCap(Cap), threads);

    internal static IContender Multiply(float[] left, float[] right, int size, int threads) =>
        new OwnMultiply(left, right, size, threads);

    internal static IContender Additive(AdditiveData data, int threads) => new OwnAdditive(data, threads);

    internal static IContender Compute(TensorTask task, bool isTraining, int threads) => task switch
    {
        LuongTask luong => new OwnLuong(luong, isTraining, threads),
        LocalTask local => new OwnLocal(local, isTraining, threads),
        LocationAwareTask location => new OwnLocationAware(location, isTraining, threads),
        NormalizedTask { IsSparsemax: true } sparse => new OwnNormalized<SparsemaxNormalizer>(sparse, default, isTraining, threads),
        NormalizedTask sparse => new OwnNormalized<EntmaxNormalizer>(sparse, new EntmaxNormalizer(1.5f), isTraining, threads),
        MonotonicTask monotonic => new OwnMonotonic(monotonic, isTraining, threads),
        RecurrentTask recurrent => new OwnRecurrent(recurrent, isTraining, threads),
        _ => throw new NotSupportedException($"no contender for {task.GetType().Name}"),
    };

    private static OwnForward<TMask, TModifier> Forward<TMask, TModifier>(
        AttentionData data, TMask mask, TModifier modifier, int threads)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier => new(data, mask, modifier, threads);
}
