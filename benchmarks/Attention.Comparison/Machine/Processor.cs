namespace Attention.Comparison.Machine;

/// <summary>What the processor calls itself.</summary>
internal static class Processor
{
    /// <summary>The model name, or the architecture where the system does not tell.</summary>
    internal static string Name
    {
        get
        {
            const string CpuInfo = "/proc/cpuinfo";
            string? line = File.Exists(CpuInfo)
                ? File.ReadLines(CpuInfo).FirstOrDefault(text => text.StartsWith("model name", StringComparison.Ordinal))
                : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
            return line is null
                ? System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString()
                : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }
    }
}
