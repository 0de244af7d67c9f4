using Attention.Comparison;
using Attention.Comparison.Contenders;
using Attention.Comparison.Contenders.Onnx;
using Attention.Comparison.Contenders.Torch;
using Attention.Comparison.Machine;
using Attention.Comparison.Measuring;
using Attention.Comparison.Rows;

IPeer[] peers = [new TorchPeer(), new OnnxPeer()];
foreach (int threads in new[] { 1, Environment.ProcessorCount })
{
    var setting = new Setting(threads, peers, args.Contains("--quick") ? Effort.Quick : Effort.Full);
    Limits limits = Limits.Measure(threads);
    var results = new List<RowResult>();
    foreach (IRow row in AllRows.Create().Where(r => args.Where(a => a[0] != '-').DefaultIfEmpty("").Any(r.Name.Contains)))
    {
        Console.Error.WriteLine(row.Name);
        results.Add(row.Measure(setting));
        Console.Error.WriteLine(results[^1]);
    }

    Console.WriteLine(Table.Markdown(setting, limits.Or(Limits.Measure(threads)), results));
}
