using Attention.Simd;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;

namespace Attention.Benchmarks.Setup;

/// <summary>
/// Every benchmark once for each vector width that this processor accelerates, and with no vectors at all; or with the job that the
/// command line names, at the width that the processor prefers.
/// </summary>
internal sealed class WidthConfig : ManualConfig
{
    /// <summary>Holds the width that a job is meant to run at.</summary>
    internal const string ExpectedWidth = "ATTENTION_EXPECTED_WIDTH";

    // Enough for a slow or busy machine; the default of two minutes is not.
    private static readonly TimeSpan s_buildTimeout = TimeSpan.FromMinutes(10);

    /// <param name="arguments">The command line, to whose jobs BenchmarkDotNet adds those from here.</param>
    public WidthConfig(string[] arguments)
    {
        Add(DefaultConfig.Instance);
        AddDiagnoser(MemoryDiagnoser.Default);
        AddColumn(new RateColumn());
        WithBuildTimeout(s_buildTimeout);
        HideColumns(Column.EnvironmentVariables, Column.Error, Column.RatioSD);
        if (arguments.Any(argument => argument is "--job" or "-j"))
        {
            return;
        }

        AddWidth(SimdWidths.Preferred, null);
        if (SimdWidths.Preferred > SimdWidth.Vector256)
        {
            AddWidth(SimdWidth.Vector256, "DOTNET_EnableAVX512");
        }

        if (SimdWidths.Preferred > SimdWidth.Vector128)
        {
            AddWidth(SimdWidth.Vector128, "DOTNET_EnableAVX2");
        }

        if (SimdWidths.Preferred > SimdWidth.Scalar)
        {
            AddWidth(SimdWidth.Scalar, "DOTNET_EnableHWIntrinsic");
        }
    }

    /// <summary>Throws if this process does not run at the width its job is named after.</summary>
    internal static void RequireWidth()
    {
        string? expected = Environment.GetEnvironmentVariable(ExpectedWidth);
        if (expected is not null && expected != SimdWidths.Preferred.ToString())
        {
            throw new InvalidOperationException($"The job is for {expected}, but the runtime prefers {SimdWidths.Preferred}.");
        }
    }

    private void AddWidth(SimdWidth width, string? switchedOff)
    {
        var variables = new List<EnvironmentVariable> { new(ExpectedWidth, width.ToString()) };
        if (switchedOff is not null)
        {
            variables.Add(new EnvironmentVariable(switchedOff, "0"));
        }

        Job job = Job.Default.WithId(width.ToString()).WithWarmupCount(3).WithIterationCount(8);
        AddJob(job.WithEnvironmentVariables([.. variables]));
    }
}
