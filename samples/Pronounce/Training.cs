using System.Diagnostics;
using Attention.Autodiff;
using Spectre.Console;

namespace Pronounce;

/// <summary>Makes a model: reads the one that was saved, or trains one and saves it.</summary>
internal static class Training
{
    private const int BatchSize = 32;
    private const double PeakRate = 3e-3;
    private const double LastRate = 1e-4;
    private const int WarmupSteps = 50;
    private const double MostGradientNorm = 5;

    /// <summary>The model of these options.</summary>
    internal static PronunciationModel Make(AttentionKind kind, Options options, Lexicon lexicon)
    {
        PronunciationModel model = new(kind, (ulong)options.Seed);
        string path = options.ModelPath(kind);
        if (File.Exists(path) && !options.Retrains)
        {
            model.Load(path);
            AnsiConsole.MarkupLineInterpolated($"[bold]{Options.Name(kind)}[/]: read from {Path.GetFileName(path)}; --retrain trains it again.");
            return model;
        }

        AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => Train(model, kind, options, lexicon, context));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        model.Save(path);
        return model;
    }

    private static void Train(PronunciationModel model, AttentionKind kind, Options options, Lexicon lexicon, ProgressContext context)
    {
        Random random = new(options.Seed);
        Batch[] batches = Batch.Deal(lexicon.Training, BatchSize, random);
        long total = (long)options.Epochs * batches.Length;
        LearningRateSchedule schedule = LearningRateSchedule.Cosine(PeakRate, Math.Min(WarmupSteps, total - 1), total, LastRate);
        using var optimizer = new Adam(model.NamedParameters().Select(entry => entry.Value));
        ProgressTask progress = context.AddTask(Options.Name(kind), maxValue: total);
        Stopwatch watch = Stopwatch.StartNew();
        long words = 0;
        double loss = 0;
        for (int epoch = 1; epoch <= options.Epochs; epoch++)
        {
            batches = epoch == 1 ? batches : Batch.Deal(lexicon.Training, BatchSize, random);
            double sum = 0;
            foreach (Batch batch in batches)
            {
                sum += Step(model, batch, optimizer, schedule);
                words += batch.Count;
                progress.Increment(1);
                string last = epoch == 1 ? "" : $", loss {loss:F3}";
                progress.Description = $"{Options.Name(kind)}: epoch {epoch} of {options.Epochs}{last}, {words / watch.Elapsed.TotalSeconds:F0} words/s";
            }

            loss = sum / batches.Length;
        }

        progress.Description = $"{Options.Name(kind)}: loss {loss:F3}, {words / watch.Elapsed.TotalSeconds:F0} words/s, {watch.Elapsed.TotalSeconds:F0} s";
    }

    private static double Step(PronunciationModel model, Batch batch, Adam optimizer, LearningRateSchedule schedule)
    {
        using var tape = new Tape((ulong)optimizer.Steps);
        using Variable loss = model.Loss(batch, tape);
        tape.Backward(loss);
        optimizer.Step(schedule.At(optimizer.Steps + 1), MostGradientNorm);
        return loss.Data.ToArray()[0];
    }
}
