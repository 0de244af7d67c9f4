using Attention.Comparison;
using Attention.Comparison.Contenders;
using Attention.Comparison.Contenders.Onnx;
using Attention.Comparison.Contenders.Torch;
using Attention.Comparison.Machine;
using Attention.Comparison.Measuring;
using Attention.Comparison.Rows;

if (CommandLine.Parse(args) is not { } command)
{
    Console.Error.WriteLine(CommandLine.Usage);
    return 2;
}

IRow[] rows = [.. AllRows.Create().Where(row => command.Wants(row.Name, row.Quick))];
if (command.List)
{
    Console.WriteLine(string.Join(Environment.NewLine, rows.Select(row => row.Name)));
    return 0;
}

Clock.OfThread = command.ThreadTime;
IPeer[] peers = [new TorchPeer(), new OnnxPeer()];
int exitCode = 0;
Console.WriteLine(Table.Heading(peers));
foreach (int threads in command.Threads)
{
    using var limits = new Limits(threads);
    var setting = new Setting(threads, peers, limits, command.Quick ? Effort.Quick : Effort.Full);
    var results = new List<RowResult>();
    foreach (IRow row in rows)
    {
        try
        {
            RowResult result = row.Measure(setting);
            results.Add(result);
            Console.Error.WriteLine(Table.Progress(threads, result));
        }
        catch (WrongResultException exception)
        {
            // Nothing wrong is timed; the other rows are still worth having.
            Console.Error.WriteLine(exception.Message);
            exitCode = 1;
        }
    }

    Console.WriteLine(Table.Markdown(setting, results));
}

if (command.Wants(Accuracy.Name, isQuick: true))
{
    Console.WriteLine(Accuracy.Markdown(command.Quick));
}

return exitCode;
