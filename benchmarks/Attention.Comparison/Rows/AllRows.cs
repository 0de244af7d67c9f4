using Attention.Caching;
using Attention.Comparison.Work;
using Attention.Mechanisms;

namespace Attention.Comparison.Rows;

/// <summary>The rows, in the order of the table.</summary>
internal static class AllRows
{
    private static AttentionTask Tiny => AttentionTask.Square(16, 32) with { Heads = 12, KeyValueHeads = 12 };

    internal static IReadOnlyList<IRow> Create()
    {
        var rows = new List<IRow>();
        AddForward(rows, causal: false);
        AddForward(rows, causal: true);
        rows.Add(new WindowRow(16384, 256));
        rows.Add(new AttentionRow("forward 1024 x 64, float bias", AttentionTask.Square(1024, 64) with { Bias = true }));
        rows.Add(new AttentionRow("forward 128 x 64", AttentionTask.Square(128, 64)));
        rows.Add(new AttentionRow("forward 12 heads, 16 x 32", Tiny));
        rows.Add(new AttentionRow("decode 32 heads, 4096 keys x 128", Decode(32)) { ReadsMemory = true });
        rows.Add(new AttentionRow("decode 32 heads, 8 key heads, 4096 keys x 128", Decode(8)) { ReadsMemory = true });
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            rows.Add(new CacheRow(Decode(8), storage, paged: false));
        }

        rows.Add(new CacheRow(Decode(8), KvStorage.Float32, paged: true));
        AddTraining(rows, causal: false);
        AddTraining(rows, causal: true);
        AttentionTask dense = AttentionTask.Square(1024, 64);
        rows.Add(new UserRow("a user's causal mask, 1024 x 64", dense with { Causal = true }, Ours.Attend, Ours.OwnCausal));
        rows.Add(new UserRow("a user's soft cap, 1024 x 64", dense, Ours.SoftCap, Ours.OwnSoftCap));
        AdditiveTask additive = new(512, 512, 128, 128);
        rows.Add(new AdditiveRow("additive 512 x 512, hidden 128", additive));
        rows.Add(new AdditiveRow("additive 512 x 512, hidden 128, forward + backward", additive with { Training = true }));
        AddClassic(rows);
        LayerTask attention = new(1, 1024, 512, 8);
        LayerTask encoder = new(8, 128, 512, 8) { FeedForwardSize = 2048 };
        AddLayer(rows, "nn.MultiheadAttention 512/8, 1024", attention);
        AddLayer(rows, "nn.TransformerEncoderLayer 512/8/2048, 8 x 128", encoder);
        rows.Add(new TapeRow("tape, 512/8, 1024, forward + backward", attention with { Training = true }));
        rows.Add(new MultiplyRow(512));
        rows.Add(new MultiplyRow(1024));
        rows.Add(new MultiplyRow(2048) { Quick = false });
        return rows;
    }

    private static void AddForward(List<IRow> rows, bool causal)
    {
        foreach (int size in (ReadOnlySpan<int>)[64, 128])
        {
            foreach (int length in (ReadOnlySpan<int>)[512, 1024, 4096])
            {
                AttentionTask task = AttentionTask.Square(length, size) with { Causal = causal };
                string name = $"{(causal ? "causal" : "forward")} {length} x {size}";
                rows.Add(new AttentionRow(name, task) { Quick = length == 1024 });
            }
        }
    }

    private static void AddTraining(List<IRow> rows, bool causal)
    {
        foreach (int length in (ReadOnlySpan<int>)[1024, 2048])
        {
            AttentionTask task = AttentionTask.Square(length, 64) with { Causal = causal, Training = true };
            string name = $"forward + backward {length} x 64{(causal ? ", causal" : string.Empty)}";
            rows.Add(new AttentionRow(name, task) { Quick = length == 1024 });
        }
    }

    // The names end in what the peer is, since it composes most of these of several functions.
    private static void AddClassic(List<IRow> rows)
    {
        AddTensors(rows, "Luong general 8 x 512 x 512, size 256", "bmm, softmax, bmm", new LuongTask(8, 512, 256));
        AddTensors(rows, "Luong local-p 4096 x 4096, D = 10, size 64", "gathered windows", new LocalTask(4096, 64, 10));
        AddTensors(
            rows, "location-aware 64 steps x 256 keys, hidden 128, 10 filters of 101", "loop with conv1d", new LocationAwareTask(64, 256, 128, 10, 101));
        AddTensors(rows, "sparsemax 512 x 64, 8 heads", "sort, cumsum", new NormalizedTask(8, 512, 64, isSparsemax: true));
        AddTensors(rows, "1.5-entmax 512 x 64, 8 heads", "sort, cumsum", new NormalizedTask(8, 512, 64, isSparsemax: false));
        AddTensors(rows, "monotonic 8 x 128 x 256", "cumprod, cumsum, clamped", new MonotonicTask(8, 128, 256));
        AddTensors(rows, "GRU 32 x 64, 128 to 256", "nn.GRU", new RecurrentTask(RecurrentCell.GruResetAfter, 32, 64, 128, 256));
        AddTensors(rows, "LSTM 32 x 64, 128 to 256", "nn.LSTM", new RecurrentTask(RecurrentCell.Lstm, 32, 64, 128, 256));
    }

    private static void AddTensors(List<IRow> rows, string name, string peer, TensorTask task)
    {
        rows.Add(new TensorRow($"{name} (peer: {peer})", task, isTraining: false) { Quick = false });
        rows.Add(new TensorRow($"{name}, forward + backward (peer: {peer})", task, isTraining: true) { Quick = false });
    }

    private static void AddLayer(List<IRow> rows, string name, LayerTask task)
    {
        rows.Add(new LayerRow(name, task));
        rows.Add(new LayerRow($"{name}, composed", task, composed: true) { Quick = false });
        rows.Add(new LayerRow($"{name}, forward + backward", task with { Training = true }));
        rows.Add(new LayerRow($"{name}, composed, forward + backward", task with { Training = true }, composed: true) { Quick = false });
    }

    private static AttentionTask Decode(int keyValueHeads) =>
        new() { Heads = 32, KeyValueHeads = keyValueHeads, QueryLength = 1, KeyLength = 4096, Size = 128 };
}
