using Attention.Caching;
using Attention.Comparison.Contenders.Own;
using Attention.Comparison.Measuring;
using Attention.Comparison.Work;

namespace Attention.Comparison.Rows;

/// <summary>Decoding from a cache: how near to the limit of reading it, and how fast beside a contiguous cache of floats.</summary>
internal sealed class CacheRow(AttentionTask task, KvStorage storage, bool paged) : IRow
{
    /// <inheritdoc/>
    public string Name =>
        $"cache, {(paged ? "pages of 16, shuffled" : "contiguous")}, {storage}: {task.Heads} heads, {task.KeyValueHeads} key heads, {task.KeyLength} keys x {task.Size}";

    /// <inheritdoc/>
    public bool Quick => true;

    /// <inheritdoc/>
    public RowResult Measure(Setting setting)
    {
        var data = new AttentionData(task);
        using var own = new OwnCachedDecode(data, storage, paged, setting.Threads);
        using var plain = new OwnCachedDecode(data, KvStorage.Float32, paged: false, setting.Threads);
        own.Run();
        plain.Run();
        (float[] expected, float[] actual) = SpotCheck.Rows(data, plain.Result());
        if (Agreement.Difference(expected, actual) is { } difference)
        {
            throw new WrongResultException($"{Name}: the contiguous cache {difference}");
        }

        if (storage == KvStorage.Float32 && !own.Result().AsSpan().SequenceEqual(plain.Result()))
        {
            throw new WrongResultException($"{Name}: other bits than the contiguous cache");
        }

        Amount amount = Amount.Bytes(own.Bytes);
        Measured measured = Measured.Of(setting, amount, [own, plain]);
        return new RowResult
        {
            Name = Name,
            Amount = amount,
            Seconds = measured.Seconds(0),
            Share = measured.Share,
            Ratio = $"{measured.Ratio(0, 1):F2}x",
            Notes = ["ratio to the contiguous cache of floats"],
        };
    }
}
